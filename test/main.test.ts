// The process itself: `npm start`'s main, its signals and its first words when something is wrong.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

async function start(t: TestContext, env: Record<string, string>, port = 0) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-main-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/main.ts', '--port', String(port)],
    {
      cwd: root,
      env: { ...process.env, DATA_DIR: dataDir, API_TOKEN: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  t.after(() => child.kill('SIGKILL'))
  return { child, dataDir }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`the server starts, says where it listens, answers, and ends with 0 on ${signal}`, async (t) => {
    const { child } = await start(t, { LOG_LEVEL: 'info' })
    let origin: string | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      origin = (JSON.parse(line) as { origin?: string }).origin
      if (origin !== undefined) break
    }
    assert.ok(origin)
    const response = await fetch(`${origin}/healthz`)
    assert.deepEqual(await response.json(), { status: 'ok' })
    const exit = once(child, 'exit')
    child.kill(signal)
    assert.deepEqual(await exit, [0, null])
  })
}

test('a setting that cannot be used stops the start with one sentence', async (t) => {
  const { child } = await start(t, { RUN_TIMEOUT_MS: 'soon' })
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 1)
  assert.match(told, /^wasmhook: RUN_TIMEOUT_MS is "soon"; .*\n$/)
})

test('an outbound setting that cannot be used stops the start with one sentence', async (t) => {
  const { child } = await start(t, { OUTBOUND_ALLOW: '10.0.0.0/99' })
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 1)
  assert.match(told, /^wasmhook: .*10\.0\.0\.0\/99.*\n$/)
})

test('workers that cannot listen end the start, with the reason', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { child } = await start(t, { WORKERS: '2' }, port)
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 1)
  assert.match(told, /^wasmhook: .*EADDRINUSE.*\nwasmhook: A worker process ended .*\n$/)
})
