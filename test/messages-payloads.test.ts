// The payload of a message, apart from its history: how long it stays, and how it goes at once.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded, isAt } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { httpService } from './helpers/http-service.ts'

const NOBODY = '01900000-0000-7000-8000-000000000000'

describe('the payload of a message', () => {
  const scope = suiteScope()
  let hub: EventHub

  before(async () => {
    hub = await createEventHub(scope)
    await hub.made(
      await hub.send('POST', '/api/event-types', { tenant: 'acme', name: 'user.made' }),
      201,
    )
  })

  const expunge = (id: unknown, tenant = 'acme'): Promise<Response> =>
    hub.send('DELETE', `/api/messages/${String(id)}/payload?tenant=${tenant}`)
  const shown = (id: unknown): Promise<Json> => hub.get(`/api/messages/${String(id)}?tenant=acme`)
  async function deliveriesOf(id: unknown): Promise<(Shown & Json)[]> {
    const { items } = await hub.get(`/api/deliveries?message_id=${String(id)}`)
    return Promise.all(
      (items as Shown[]).map(
        async (one) => (await hub.get(`/api/deliveries/${one.delivery_id}`)) as Shown & Json,
      ),
    )
  }

  test('is expunged with all that was made of it, and nothing of it is sent any more', async () => {
    const answers = [200, 500]
    const target = await httpService(scope, (_request, reply) => {
      reply.writeHead(answers.shift() ?? 200).end('taken: a secret')
    })
    const at = { url: target.origin, event_types: ['user.*'], retry: { schedule_ms: [60_000] } }
    await hub.endpoint(at)
    const made = await hub.publish({ name: 'a secret' }, { type: 'user.made', id: 'user-1' })
    await hub.deliveryOf(made.message_id, hasEnded)
    await hub.endpoint({ ...at, signature_style: 'token' })
    const payload = { id: 1, createdAt: 'x', name: 'a secret' }
    const second = await hub.publish(payload, { type: 'user.made' })
    for (;;) {
      const all = await deliveriesOf(second.message_id)
      if (all.every(isAt(1))) break
    }
    for (const { message_id: id } of [made, second]) {
      const answer = await hub.made(await expunge(id), 200)
      const at = new Date(hub.clock.nowMs).toISOString()
      assert.deepEqual([answer.expunged_at, answer.payload_kept], [at, false])
      const { payload, payload_kept: kept, expunged_at: since } = await shown(id)
      assert.deepEqual([payload, kept, since], [null, false, at])
      for (const one of await deliveriesOf(id)) {
        const ended = ['succeeded', null]
        const canceled = ['canceled', 'payload_expunged']
        assert.ok(
          [ended, canceled].some((state) => String(state) === String([one.state, one.reason])),
        )
        assert.equal(one.payload_kept, false)
        assert.deepEqual(
          one.attempts.map((attempt) => attempt.response_body),
          [''],
        )
        const resent = await hub.send('POST', `/api/deliveries/${one.delivery_id}/resend`)
        await refused(resent, 410, 'PAYLOAD_GONE')
      }
    }
    const states = (await deliveriesOf(second.message_id)).map(({ state }) => state)
    assert.deepEqual(states.sort(), ['canceled', 'succeeded'])
    const sent = target.received.length
    hub.clock.nowMs += 60_000
    // What is published after that is sent after what was due.
    const later = await hub.publish({ id: 2, createdAt: 'x' }, { type: 'user.made' })
    for (;;) if ((await deliveriesOf(later.message_id)).every(hasEnded)) break
    assert.ok(target.received.slice(sent).every(({ body }) => !body.includes('secret')))
    // It is the same message ever after.
    const again = await hub.publish({ name: 'a secret' }, { type: 'user.made', id: 'user-1' })
    assert.equal(again.message_id, made.message_id)
    assert.equal((await hub.made(await expunge(made.message_id), 200)).message_id, made.message_id)
  })

  test('is expunged under an attempt, whose answer is not kept', async () => {
    let answer = (): void => undefined
    const reached = new Promise<void>((resolve) => {
      void httpService(scope, (_request, reply) => {
        answer = () => reply.end('taken: a secret')
        resolve()
      }).then(({ origin }) => hub.endpoint({ url: origin, event_types: ['user.made'] }))
    })
    for (;;) {
      const { items } = await hub.get('/api/endpoints?tenant=acme&limit=1')
      if ((items as Json[])[0]?.event_types?.toString() === 'user.made') break
    }
    const { message_id: id } = await hub.publish({ id: 1, createdAt: 'x' }, { type: 'user.made' })
    await reached
    await hub.made(await expunge(id), 200)
    answer()
    const all = await deliveriesOf(id)
    const under = all.find(({ state }) => state === 'canceled')
    assert.deepEqual([under?.reason, under?.attempts], ['payload_expunged', []])
  })

  test('is expunged where it waits for its endpoint to be enabled', async () => {
    const fields = { event_types: ['user.made'], retry: { schedule_ms: [60_000] } }
    const { endpoint_id: id } = await hub.endpoint({ ...fields, signature_style: 'token' })
    hub.answers.push(500)
    const made = await hub.publish({ id: 3, createdAt: 'x' }, { type: 'user.made' })
    const ours = async () =>
      (await deliveriesOf(made.message_id)).find((one) => one.endpoint_id === id)
    for (;;) if ((await ours())?.tries === 1) break
    const disabled = await hub.send('POST', `/api/endpoints/${id}/disable?tenant=acme`)
    await hub.made(disabled, 200)
    for (;;) if ((await ours())?.state === 'paused') break
    await hub.made(await expunge(made.message_id), 200)
    const canceled = await ours()
    assert.deepEqual(
      [canceled?.state, canceled?.reason, canceled?.payload_kept],
      ['canceled', 'payload_expunged', false],
    )
  })

  test('of another tenant, or of no message, is not there to be expunged', async () => {
    const { message_id: id } = await hub.publish(1)
    await refused(await expunge(id, 'other'), 404, 'NOT_FOUND')
    await refused(await expunge(NOBODY), 404, 'NOT_FOUND')
    await refused(await expunge('x'), 404, 'NOT_FOUND')
    assert.equal((await shown(id)).payload_kept, true)
  })
})
