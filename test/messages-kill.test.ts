// A message that was accepted, through a kill: of the only process, and of a primary with its workers.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

for (const workers of [1, 2]) {
  test(`a message that was accepted survives a kill: WORKERS=${workers}`, async (t) => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-messages-'))
    t.after(() => rm(dataDir, { recursive: true, force: true }))
    // Nobody answers the first server; the second is answered.
    let answers = false
    let asked = (): void => undefined
    const wasAsked = new Promise<void>((resolve) => (asked = resolve))
    const target = await httpService(t, (_request, reply) => {
      asked()
      if (answers) reply.end('taken')
    })
    const settings = { OUTBOUND_ALLOW: '127.0.0.1', WORKERS: String(workers) }
    const first = await startProcess(t, dataDir, settings)
    const post = async (url: string, body: object): Promise<Record<string, unknown>> => {
      const response = await fetch(first.origin + url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ tenant: 'acme', ...body }),
      })
      assert.ok(response.ok, await response.clone().text())
      return (await response.json()) as Record<string, unknown>
    }
    await post('/api/event-types', { name: 'order.created' })
    const receiver = { url: target.origin, event_types: ['order.*'] }
    const { secret } = await post('/api/endpoints', receiver)
    const published = { type: 'order.created', payload: { order: 7 } }
    const { message_id: id } = await post('/api/messages', published)
    await wasAsked
    const dead = new Promise((resolve) => first.child.once('exit', resolve))
    first.child.kill('SIGKILL')
    await dead

    answers = true
    const before = target.received.length
    const arrived = new Promise<void>((resolve) => (asked = resolve))
    await startProcess(t, dataDir, settings)
    await arrived
    const again = target.received[before]
    assert.ok(again !== undefined)
    assert.equal(again.headers['webhook-id'], id)
    const verifier = new Webhook(String(secret))
    const read = verifier.verify(again.body, again.headers as Record<string, string>)
    assert.deepEqual((read as { data: unknown }).data, published.payload)
  })
}
