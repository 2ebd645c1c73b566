// A clock that is set back and forth, by seconds and by days, while work is handed over, runs and is delivered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const DAY_MS = 24 * 3_600_000
/** How far the clock is set; the sum is 0. */
const JUMPS_MS = [
  1_000,
  -3_600_000,
  DAY_MS,
  -500,
  -DAY_MS,
  60_000,
  7 * DAY_MS,
  -6 * DAY_MS,
] as const
const ITEMS = 24
/** Answers of 500 before an item is taken. */
const FAILURES = 2

test('a clock set back and forth loses nothing, has nothing sent twice and spends no retry', async (t) => {
  let nowMs = Date.UTC(2026, 0, 1)
  const settings = { DELIVERY_POLL_MS: 10, DELIVERY_LEASE_MS: 1_000 }
  const app = await buildApp(t, settings, { now: () => nowMs, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const seen = new Map<string, number>()
  let held: (() => void)[] = []
  const target = await httpService(t, ({ body }, reply) => {
    const token = body.toString()
    const times = (seen.get(token) ?? 0) + 1
    seen.set(token, times)
    const answer = (): void => void reply.writeHead(times > FAILURES ? 200 : 500).end()
    // Some are under way while the clock is set.
    if (times === 1) held.push(answer)
    else answer()
  })
  const { port } = target
  const retry = { interval_ms: 5_000, backoff: 1, retries: FAILURES }
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/', retry }
  const headers = { prefer: 'respond-async', SSVM_Callback: JSON.stringify(spec) }

  interface Run {
    status: string
    delivery_ids: string[]
  }
  const json = async <T>(url: string): Promise<T> =>
    (await (await app.request(url, { headers: admin(one) })).json()) as T
  const runs: string[] = []
  for (let n = 0; n < ITEMS; n++) {
    const response = await call(app, one, 'echo', { headers, body: `item ${n}` })
    assert.equal(response.status, 202)
    runs.push(((await response.json()) as { run_id: string }).run_id)
    nowMs += JUMPS_MS[n % JUMPS_MS.length]!
    const answers = held
    held = []
    if (n % 2 === 0) answers.forEach((answer) => answer())
    else held = answers
  }
  // From here on it only goes forward, and past whatever time it ever showed.
  const end = async (id: string): Promise<void> => {
    for (;;) {
      held.splice(0).forEach((answer) => answer())
      nowMs += 3_600_000
      const run = await json<Run>(`/api/runs/${id}`)
      assert.ok(['queued', 'running', 'succeeded'].includes(run.status), run.status)
      if (run.status !== 'succeeded') continue
      assert.equal(run.delivery_ids.length, 1)
      const delivery = await json<{ state: string; attempts: unknown[] }>(
        `/api/deliveries/${run.delivery_ids[0]}`,
      )
      if (['scheduled', 'leased', 'waiting'].includes(delivery.state)) continue
      assert.deepEqual([delivery.state, delivery.attempts.length], ['succeeded', FAILURES + 1])
      return
    }
  }
  for (const id of runs) await end(id)
  assert.deepEqual([...seen.values()], Array(ITEMS).fill(FAILURES + 1))
})
