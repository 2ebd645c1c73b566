// `Idempotency-Key` beside what is written below it: a test stops or undoes single writes of SQLite.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { CallInit } from './helpers/client.ts'
import { POLL, callback } from './helpers/deliveries.ts'
import { ended } from './helpers/durable-runs.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { catchConnections } from './helpers/sqlite-connections.ts'

let keys = 0

/** A key that no other test uses. */
function newKey(): Record<string, string> {
  return { 'Idempotency-Key': `key ${++keys}` }
}

test('a call with a key has what goes on of its result committed with its end, and not before', async (t) => {
  const connections = catchConnections(t)
  const app = await buildApp(t, POLL)
  const one = await upload(app, await guest('echo'))
  const connection = connections.at(-1)
  assert.ok(connection !== undefined)
  const target = await httpService(t, (_request, reply) => reply.writeHead(503).end())
  const deliveriesOf = (runId: string): unknown[] =>
    connection.prepare('select id from deliveries where run_id = ?').all(runId)
  for (const [SSVM_Callback, status] of [
    [callback(target, { schedule_ms: [3_600_000] }), 502],
    [callback(target, undefined, { delay_ms: 3_600_000 }), 202],
  ] as const) {
    const headers = { ...newKey(), SSVM_Callback }
    // No end can be written, as after a kill.
    connection.exec(`create trigger no_end before delete on queued_runs
      begin select raise(abort, 'not now'); end`)
    const asked = call(app, one, 'echo', { headers, body: 'x' })
    while ((await app.request('/readyz')).status === 200) await new Promise(setImmediate)
    const [row] = connection.prepare('select id from queued_runs').all() as { id: string }[]
    assert.deepEqual(deliveriesOf(row!.id), [])
    connection.exec('drop trigger no_end')
    const response = await asked
    assert.equal(response.status, status)
    const { delivery_id: id } = (await response.json()) as { delivery_id: string }
    assert.deepEqual(deliveriesOf(row!.id), [{ id }])
  }
})

test('a key whose run is kept no more, or its result, is told so, and no answer names a run that never was', async (t) => {
  const connections = catchConnections(t)
  const app = await buildApp(t, { ...POLL, IDEMPOTENCY_KEYS_MAX: 1 })
  const one = await upload(app, await guest('echo'))
  const headers = { ...newKey(), prefer: 'respond-async' }
  const ask = (init: CallInit): Promise<Response> =>
    call(app, one, 'echo', { body: 'x', ...init, headers: { ...headers, ...init.headers } })
  const id = String((await ask({})).headers.get('wasmhook-run'))
  await ended(app, id)
  for (const [init, status, code] of [
    [{ body: 'y' }, 422, 'IDEMPOTENCY_MISMATCH'],
    [{ headers: newKey() }, 503, 'IDEMPOTENCY_FULL'],
    [{ headers: { ...newKey(), prefer: 'nothing' } }, 503, 'IDEMPOTENCY_FULL'],
  ] as const) {
    const response = await ask(init)
    assert.equal(response.headers.get('wasmhook-run'), null, code)
    await refused(response, status, code)
  }
  const dropped = async (prefer: string): Promise<void> => {
    const response = await ask({ headers: { prefer } })
    assert.equal(response.headers.get('wasmhook-run'), id)
    const { run_id: told } = await refused(response, 410, 'IDEMPOTENCY_ANSWER_DROPPED')
    assert.equal(told, id)
  }
  connections
    .at(-1)
    ?.prepare('update runs set result_type = null, result_bytes = null where id = ?')
    .run(id)
  await dropped('nothing')
  await dropped('respond-async, wait=1')
  connections.at(-1)?.prepare('delete from runs where id = ?').run(id)
  for (const prefer of ['nothing', 'respond-async', 'respond-async, wait=1']) await dropped(prefer)
})
