// Sending an endpoint what it was never sent, through a kill: of the only process, and of a primary with its workers.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

type Json = Record<string, unknown>

const COUNT = 30

for (const workers of [1, 2]) {
  test(`a replay goes on after a kill, and makes no delivery twice: WORKERS=${workers}`, async (t) => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-replays-'))
    t.after(() => rm(dataDir, { recursive: true, force: true }))
    const target = await httpService(t, (_request, reply) => reply.end('taken'))
    const settings = {
      ...{ OUTBOUND_ALLOW: '127.0.0.1', WORKERS: String(workers), DELIVERY_POLL_MS: '10' },
    }
    let { origin, child } = await startProcess(t, dataDir, settings)
    const ask = async (method: string, url: string, body?: object): Promise<Json> => {
      const response = await fetch(origin + url, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      const text = await response.text()
      assert.ok(response.ok, text)
      return JSON.parse(text) as Json
    }
    const post = (url: string, body: object) => ask('POST', url, { tenant: 'acme', ...body })
    await post('/api/event-types', { name: 'order.created' })
    const messages = Array.from({ length: COUNT }, (_, n) => ({
      ...{ type: 'order.created', payload: n },
    }))
    await post('/api/messages/batch', { messages })
    const wanted = { url: target.origin, event_types: ['order.*'] }
    const { endpoint_id: id } = await post('/api/endpoints', wanted)
    // Whichever process takes the request makes the attempt.
    const { attempt } = await ask('POST', `/api/endpoints/${String(id)}/test?tenant=acme`, {})
    assert.equal((attempt as Json).status, 200)
    target.received.length = 0

    const { job_id: job } = await ask('POST', `/api/endpoints/${String(id)}/replay?tenant=acme`, {
      ...{ since: '2026-01-01T00:00:00Z', rate_per_second: 10 },
    })
    const until = async (reached: (job: Json) => boolean): Promise<Json> => {
      for (;;) {
        const now = await ask('GET', `/api/resend-jobs/${String(job)}`)
        if (reached(now)) return now
      }
    }
    await until(({ resent }) => Number(resent) > 0)
    const dead = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await dead
    ;({ origin, child } = await startProcess(t, dataDir, settings))
    const done = await until(({ state }) => state !== 'running')
    assert.deepEqual([done.state, done.matched, done.resent], ['finished', COUNT, COUNT])
    const deliveries = async (state: string): Promise<Json[]> => {
      const url = `/api/deliveries?endpoint_id=${String(id)}&limit=100&state=${state}`
      return (await ask('GET', url)).items as Json[]
    }
    for (;;) if ((await deliveries('pending')).length === 0) break
    const all = await deliveries('succeeded')
    assert.equal(all.length, COUNT)
    assert.equal(new Set(all.map(({ message_id: message }) => message)).size, COUNT)
    const sent = target.received.map(({ body }) => (JSON.parse(body.toString()) as Json).data)
    assert.equal(new Set(sent).size, COUNT)
  })
}
