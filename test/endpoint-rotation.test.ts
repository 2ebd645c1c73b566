// An endpoint's secret is replaced while it is being sent to; on a clock that only tests move, on both engines.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { createEventHub } from './helpers/event-hub.ts'
import type { Json } from './helpers/event-hub.ts'
import { httpService } from './helpers/http-service.ts'
import type { Received } from './helpers/http-service.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'

const OVERLAP_MS = 60_000
const PUBLISHERS = 4
const MESSAGES = 25

const ENGINES = {
  SQLite: () => Promise.resolve({}),
  PostgreSQL: async (t: TestContext) => ({ DATABASE_URL: await emptyDatabase(t), SECRET_KEY }),
}

function verifies({ headers, body }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    return true
  } catch {
    return false
  }
}

for (const [engine, settingsOf] of Object.entries(ENGINES)) {
  test(`${engine}: a rotation under load fails no receiver, whichever of both secrets it knows`, async (t) => {
    const hub = await createEventHub(t, await settingsOf(t))
    // A receiver that goes over to the new secret some time after it was made, and within the overlap.
    let known = ''
    const refused: Received[] = []
    const receiver = await httpService(t, (request, reply) => {
      const isGenuine = verifies(request, known)
      if (!isGenuine) refused.push(request)
      reply.writeHead(isGenuine ? 200 : 401).end()
    })
    const { endpoint_id: id, secret } = await hub.endpoint({ url: receiver.origin })
    known = secret
    const rotate = async (): Promise<string> => {
      const url = `/api/endpoints/${id}/secret/rotate?tenant=acme`
      const rotated = await hub.send('POST', url, { overlap_ms: OVERLAP_MS })
      return String((await hub.made(rotated, 200)).secret)
    }
    const publishing = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
      for (let n = 0; n < MESSAGES; n++) await hub.publish({ publisher, n })
    })
    const secrets = [secret]
    for (let round = 1; round <= 3; round++) {
      while (receiver.received.length < round * PUBLISHERS) await hub.get('/healthz')
      secrets.push(await rotate())
      const before = receiver.received.length
      while (receiver.received.length < before + PUBLISHERS) await hub.get('/healthz')
      known = secrets.at(-1) ?? ''
    }
    await Promise.all(publishing)
    for (;;) {
      const { items } = await hub.get('/api/deliveries?state=pending')
      if ((items as Json[]).length === 0) break
    }
    assert.equal(refused.length, 0)
    assert.equal(receiver.received.length, PUBLISHERS * MESSAGES)
    const failed = await hub.get('/api/deliveries?state=failed')
    assert.deepEqual(failed.items, [])
    // Past the overlap the last one alone signs.
    hub.clock.nowMs += OVERLAP_MS + 1
    const last = await hub.publish({ last: true })
    await hub.deliveryOf(last.message_id, ({ state }) => state === 'succeeded')
    const request = receiver.received.at(-1)!
    assert.deepEqual(
      secrets.map((one) => verifies(request, one)),
      [false, false, false, true],
    )
  })
}
