// A database that another process keeps locked for longer than a write waits: callers are told, work goes on
// afterwards, and nothing is lost or done twice.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const CHILD = fileURLToPath(new URL('helpers/lock-child.ts', import.meta.url))
const ASYNC = { prefer: 'respond-async' }

/** Locks the app's database from another process; what it returns ends the lock. */
async function lock(t: TestContext, app: TestApp): Promise<() => Promise<void>> {
  const file = path.join(app.dataDir, 'wasmhook.db')
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return async () => {
    child.stdin.end()
    await once(child, 'exit')
  }
}

test('while another process keeps the database locked, callers are told, and what was accepted goes on after it', async (t) => {
  const app = await buildApp(t, { DELIVERY_POLL_MS: 10 })
  const one = await upload(app, await guest('echo'))
  let answer = (): void => undefined
  const target = await httpService(t, (_request, reply) => {
    answer = () => reply.end('taken')
  })
  const callback = { ...ASYNC, SSVM_Callback: `${target.origin}/in` }
  const accepted = await call(app, one, 'echo', { headers: callback, body: 'under way' })
  assert.equal(accepted.status, 202)
  const { run_id: runId } = (await accepted.json()) as { run_id: string }
  while (target.received.length === 0) await new Promise(setImmediate)

  const unlock = await lock(t, app)
  answer()
  // Three at once: they share one wait, and are refused together.
  const [first, ...others] = await Promise.all(
    ['a', 'b', 'c'].map((body) => call(app, one, 'echo', { headers: ASYNC, body })),
  )
  for (const response of [first!, ...others]) {
    const refusedRun = response.headers.get('wasmhook-run')!
    assert.notEqual(response.headers.get('retry-after'), null)
    await refused(response, 503, 'STORAGE_BUSY')
    assert.equal((await app.request(`/api/runs/${refusedRun}`)).status, 404)
  }
  // Reads and runs whose callers wait need no lock.
  assert.equal(await (await call(app, one, 'echo', { body: 'works' })).text(), 'works')
  assert.equal((await app.request('/readyz')).status, 503)
  await unlock()

  const run = (await (await app.request(`/api/runs/${runId}`)).json()) as { delivery_ids: string[] }
  const url = `/api/deliveries/${run.delivery_ids[0]}`
  const read = async () =>
    (await (await app.request(url, { headers: admin(one) })).json()) as Record<string, unknown>
  while ((await read()).state !== 'succeeded');
  assert.equal(target.received.length, 1)
  while ((await app.request('/readyz')).status !== 200);
  const later = await call(app, one, 'echo', { headers: ASYNC, body: 'later' })
  assert.equal(later.status, 202, await later.text())
})
