// What a restart keeps, an orderly one and a kill in the middle of uploads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { configure, textOf } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

type Json = Record<string, unknown>

async function json(
  app: TestApp,
  url: string,
  headers: Record<string, string> = {},
): Promise<Json> {
  const response = await app.request(url, { headers })
  const text = await response.text()
  assert.equal(response.status, 200, `${url}: ${text}`)
  return JSON.parse(text) as Json
}

/** The folder of compiled modules, and what lies in it. */
async function modules(dataDir: string): Promise<{ folder: string; names: string[] }> {
  const [hash] = await readdir(path.join(dataDir, 'modules'))
  assert.ok(hash !== undefined)
  const folder = path.join(dataDir, 'modules', hash)
  return { folder, names: (await readdir(folder)).sort() }
}

async function compiledForm(app: TestApp): Promise<string> {
  const { folder, names } = await modules(app.dataDir)
  const [only, another] = names.filter((name) => name.endsWith('.cwasm'))
  assert.ok(only !== undefined && another === undefined)
  return path.join(folder, only)
}

/** Another file of the same name has another inode, as the compiler renames into place. */
async function identity(file: string): Promise<string> {
  const { ino, mtimeNs } = await stat(file, { bigint: true })
  return `${ino} ${mtimeNs}`
}

async function swap(app: TestApp, one: Uploaded, wasm: Buffer): Promise<void> {
  const response = await app.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: wasm,
  })
  assert.equal(response.status, 200, await response.text())
}

test('a restart loses nothing: executables, versions, keys, settings, runs, ephemeral storage', async (t) => {
  const target = await httpService(t, (_request, reply) => reply.end('forwarded'))
  const app = await buildApp(t)
  const one = await upload(app, await guest('raw-numbers'), {
    SSVM_Create_Usage_Key: 'true',
    SSVM_Description: 'grüß dich',
  })
  const forwarding = await upload(app, await guest('wasm-bindgen-100'))
  const gone = await upload(app, await guest('counter'))
  await app.request(`/api/executables/${gone.id}`, { method: 'DELETE', headers: admin(gone) })
  await swap(app, one, await guest('wasm-bindgen-wasi'))
  await configure(app, one, 'state', 'a state')
  await configure(app, one, 'variables', { MY_KEY: 'a value' })
  await configure(app, one, 'types', { print: ['text'] })
  await app.request(`/api/executables/${one.id}`, {
    method: 'PATCH',
    headers: { ...admin(one), 'content-type': 'application/json' },
    body: '{"embedded_callback":"off"}',
  })
  await app.request(`/api/callback/${forwarding.id}`, {
    method: 'PUT',
    headers: admin(forwarding),
    body: `${target.origin}/here`,
  })
  const usage = { SSVM_Usage_Key: one.usageKey }
  const run = await call(app, one, 'print', { headers: usage, body: 'printed' })
  assert.equal(await run.text(), 'printed')
  const runUrl = `/api/runs/${run.headers.get('wasmhook-run')}`
  const failure = await call(app, one, 'nowhere', { headers: usage })
  const failureUrl = `/api/runs/${failure.headers.get('wasmhook-run')}`
  const kept = await app.request('/api/ephemeral_storage', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"some":["value"]}',
  })
  const { key } = (await kept.json()) as { key: string }

  const everything = async (from: TestApp): Promise<unknown[]> => [
    await json(from, '/api/executables'),
    await json(from, `/api/executables/${one.id}`, admin(one)),
    await json(from, `/api/executables/${forwarding.id}`, admin(forwarding)),
    await json(from, `/api/executables/${one.id}/versions`, admin(one)),
    await json(from, `/api/executables/${one.id}/types`, admin(one)),
    await json(from, `/api/executables/${one.id}/runs`, admin(one)),
    await json(from, `/api/log/${one.id}`, admin(one)),
    await json(from, runUrl, usage),
    await json(from, failureUrl, usage),
    await json(from, `/api/ephemeral_storage/${key}`),
    await (await from.request(`/api/state/${one.id}`, { headers: usage })).text(),
    await (await call(from, one, 'variables', { headers: usage })).text(),
  ]
  // The call of `variables` is a run itself, so the lists are taken without it.
  const withoutRuns = (all: unknown[]): unknown[] => all.filter((_, n) => n !== 5 && n !== 6)
  const runs = (all: unknown[]): unknown[] => (all[5] as { items: unknown[] }).items
  const before = await everything(app)
  const again = await app.restart()
  const after = await everything(again)
  assert.deepEqual(withoutRuns(after), withoutRuns(before))
  assert.deepEqual(runs(after).slice(1), runs(before))
  assert.match(String(after.at(-1)), /MY_KEY=a value/)

  await refused(await call(again, one, 'print', { body: 'x' }), 401, 'MISSING_KEY')
  const wrong = { SSVM_Usage_Key: forwarding.adminKey }
  await refused(await call(again, one, 'print', { headers: wrong, body: 'x' }), 403, 'WRONG_KEY')
  assert.equal(await textOf(again, forwarding, 'say', ['x']), 'forwarded')
  assert.equal(target.received.at(-1)?.body.toString(), 'hello x')
  const rolledBack = await again.request(`/api/executables/${one.id}/versions/1/activate`, {
    method: 'POST',
    headers: admin(one),
  })
  assert.equal(rolledBack.status, 200)
  const answer = await call(again, one, 'answer', { headers: usage })
  assert.equal(await answer.text(), '42')
  assert.ok((await upload(again, await guest('counter'))).id > gone.id)
})

test('the first call after a restart compiles nothing', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('counter'))
  const before = await identity(await compiledForm(app))
  const again = await app.restart()
  assert.equal(await textOf(again, one, 'count'), '[1,1,1]')
  assert.equal(await identity(await compiledForm(again)), before)
  const same = await upload(again, await guest('counter'))
  assert.equal(await textOf(again, same, 'count'), '[1,1,1]')
  assert.equal(await identity(await compiledForm(again)), before)
})

const DAMAGES: readonly (readonly [string, (file: string) => Promise<void>])[] = [
  ['missing', (file) => rm(file)],
  ['empty', (file) => replace(file, Buffer.alloc(0))],
  ['cut short', async (file) => replace(file, (await readFile(file)).subarray(0, 5_000))],
  ['changed in one byte', async (file) => replace(file, flipped(await readFile(file)))],
  ['of another kind', (file) => replace(file, Buffer.from('\0asm\x01\0\0\0', 'latin1'))],
  ['an ELF file of nothing', (file) => replace(file, Buffer.from('\x7fELF\x02\x01\x01', 'latin1'))],
  ['described by an empty file', (file) => replace(recordOf(file), Buffer.alloc(0))],
  [
    'described by half a file',
    async (file) => replace(recordOf(file), (await readFile(recordOf(file))).subarray(0, 100)),
  ],
  ['missing with its description', (file) => rm(path.dirname(file), { recursive: true })],
]
for (const [what, damage] of DAMAGES) {
  test(`a compiled form that is ${what} after a restart is made again at the first call`, async (t) => {
    const app = await buildApp(t)
    const one = await upload(app, await guest('counter'))
    await app.close()
    await damage(await compiledForm(app))
    const again = await app.restart()
    const calls = Array.from({ length: 5 }, () => textOf(again, one, 'count'))
    for (const answer of await Promise.all(calls)) assert.equal(answer, '[1,1,1]')
    const whole = await identity(await compiledForm(again))
    const third = await again.restart()
    assert.equal(await textOf(third, one, 'count'), '[1,1,1]')
    assert.equal(await identity(await compiledForm(third)), whole)
  })
}

test('an upload of bytes whose description was cut short describes them anew', async (t) => {
  const app = await buildApp(t)
  await upload(app, await guest('counter'))
  await app.close()
  const record = recordOf(await compiledForm(app))
  await replace(record, (await readFile(record)).subarray(0, 100))
  const again = await app.restart()
  const same = await upload(again, await guest('counter'))
  assert.equal(await textOf(again, same, 'count'), '[1,1,1]')
})

function recordOf(compiledForm: string): string {
  return compiledForm.replace(/cwasm$/, 'record')
}

/** As a disk that lost writes leaves it: another content under the same name. */
async function replace(file: string, content: Buffer): Promise<void> {
  await writeFile(`${file}.new`, content)
  await rename(`${file}.new`, file)
}

function flipped(bytes: Buffer): Buffer {
  const middle = Math.floor(bytes.length / 2)
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  return bytes
}

/** A module whose function tells its number, so that no two are the same bytes. */
function numbered(n: number): Buffer {
  return assemble(`(module (func (export "answer") (result i32) (i32.const ${n})))`)
}

test('a kill -9 in the middle of uploads loses none that was answered and leaves no half one', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-kill-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const answered = new Map<number, { n: number; adminKey: string }>()
  let next = 0
  // Several times, because each hits another moment.
  for (let round = 1; round <= 3; round++) {
    const { child, origin } = await startProcess(t, dataDir)
    const uploadUntilKilled = async (): Promise<void> => {
      for (;;) {
        const n = next++
        const response = await fetch(`${origin}/api/executables`, {
          method: 'POST',
          body: new Blob([numbered(n)]),
        })
        const answer = (await response.json()) as { wasm_id: number; SSVM_Admin_Key: string }
        assert.equal(response.status, 200, JSON.stringify(answer))
        answered.set(answer.wasm_id, { n, adminKey: answer.SSVM_Admin_Key })
        if (answered.size >= round * 10) child.kill('SIGKILL')
      }
    }
    const exit = once(child, 'exit')
    const loops = Array.from({ length: 4 }, () => uploadUntilKilled())
    for (const outcome of await Promise.allSettled(loops)) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof TypeError, 'connection')
    }
    await exit
  }

  const { child, origin } = await startProcess(t, dataDir)
  const list = (await (await fetch(`${origin}/api/executables`)).json()) as { wasm_id: number }[]
  const ids = list.map(({ wasm_id: id }) => id)
  for (const id of answered.keys()) assert.ok(ids.includes(id), `executable ${id} is lost`)
  for (const id of ids) {
    const run = await fetch(`${origin}/api/run/${id}/answer`, { method: 'POST' })
    const text = await run.text()
    assert.equal(run.status, 200, text)
    const known = answered.get(id)
    if (known === undefined) continue
    assert.equal(text, String(known.n))
    const versions = await fetch(`${origin}/api/executables/${id}/versions`, {
      headers: { SSVM_Admin_Key: known.adminKey },
    })
    assert.equal(versions.status, 200)
  }
  const { names } = await modules(dataDir)
  assert.deepEqual(
    names.filter((name) => !/^[0-9a-f]{64}\.(cwasm|record)$/.test(name)),
    [],
  )
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})
