// Statistics of endpoints, as their owners see them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createEventHub } from './helpers/event-hub.ts'

const HOUR_MS = 3_600_000

describe('statistics of an endpoint', () => {
  test('tell what came of what it was sent, in all and by the hour', async (t) => {
    const hub = await createEventHub(t, { ENDPOINT_STATS_KEPT_MS: 2 * HOUR_MS })
    hub.clock.nowMs = Math.ceil(hub.clock.nowMs / HOUR_MS) * HOUR_MS + 5
    const first = new Date(hub.clock.nowMs - 5).toISOString()
    const { endpoint_id: id } = await hub.endpoint({ retry: { schedule_ms: [] } })
    const stats = () => hub.get(`/api/endpoints/${id}/stats?tenant=${hub.tenant}`)
    const before = await stats()
    assert.deepEqual(before, {
      endpoint_id: id,
      ...{ succeeded: 0, failed_attempts: 0, exhausted: 0, discarded: 0 },
      ...{ latency_sum_ms: 0, average_latency_ms: null },
      ...{ last_success_at: null, last_failure_at: null, failing_since: null, hours: [] },
    })
    hub.answers.push(500, 200, 410)
    for (const state of ['exhausted', 'succeeded', 'discarded']) {
      const { message_id: messageId } = await hub.publish({ n: 1 })
      await hub.deliveryOf(messageId, (one) => one.state === state)
      hub.clock.nowMs += 1_000
    }
    const { latency_sum_ms: sum, average_latency_ms: average, ...after } = await stats()
    const { hours, last_success_at: success, last_failure_at: failure, ...others } = after
    const { failing_since: since, ...totals } = others
    assert.deepEqual(totals, {
      endpoint_id: id,
      ...{ succeeded: 1, failed_attempts: 2, exhausted: 1, discarded: 1 },
    })
    assert.equal(Date.parse(String(failure)) - Date.parse(String(success)), 1_000)
    assert.equal(since, failure)
    assert.ok(Number(sum) > 0)
    assert.ok(Math.abs(Number(sum) / 3 - Number(average)) < 0.001)
    const [hour, ...more] = hours as Record<string, unknown>[]
    assert.deepEqual(more, [])
    assert.deepEqual([hour?.from, hour?.failed_attempts], [first, 2])
    hub.clock.nowMs += 2 * HOUR_MS
    assert.equal(((await stats()).hours as unknown[]).length, 1, 'the hour was not over then')
    hub.clock.nowMs += HOUR_MS
    const old = await stats()
    assert.deepEqual([old.hours, old.succeeded], [[], 1], 'past ENDPOINT_STATS_KEPT_MS')
  })

  test("are its tenant's alone", async (t) => {
    const hub = await createEventHub(t)
    const { endpoint_id: id } = await hub.endpoint()
    for (const url of [`${id}/stats?tenant=other`, 'x/stats?tenant=acme']) {
      const { code } = await hub.made(await hub.send('GET', `/api/endpoints/${url}`), 404)
      assert.equal(code, 'NOT_FOUND')
    }
  })
})
