// Ordered endpoints through kills: of the only process, and of a primary with its workers.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { createChance } from './crash/chance.ts'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

const KEYS = 3
const MESSAGES = 30

describe('what is under way at a kill is sent again before the next of its key', () => {
  for (const workers of [1, 2]) {
    test(`with WORKERS=${workers}`, async (t) => {
      const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-ordered-'))
      t.after(() => rm(dataDir, { recursive: true, force: true }))
      const chance = createChance(workers)
      let silent = false
      let toldAsked = (): void => undefined
      const arrived: { k: number; n: number }[] = []
      const target = await httpService(t, ({ body }, reply) => {
        const { data } = JSON.parse(body.toString()) as { data: { k: number; n: number } }
        if (!arrived.some(({ n }) => n === data.n)) arrived.push(data)
        // Nobody is answered in the moment of a kill.
        if (silent) toldAsked()
        else reply.writeHead(chance.next() < 0.2 ? 500 : 200).end()
      })
      const settings = { OUTBOUND_ALLOW: '127.0.0.1', WORKERS: String(workers) }
      let server = await startProcess(t, dataDir, settings)
      const post = async (url: string, body: object): Promise<void> => {
        const response = await fetch(server.origin + url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ tenant: 'acme', ...body }),
        })
        assert.ok(response.ok, await response.text())
      }
      await post('/api/event-types', { name: 'a' })
      await post('/api/endpoints', {
        url: target.origin,
        event_types: ['a'],
        retry: { interval_ms: 100, backoff: 1, retries: 20 },
        ordered: { key: 'k', on_exhaustion: 'block' },
      })
      for (let n = 0; n < MESSAGES; n++) {
        if (n % 10 === 5) {
          silent = true
          const asked = new Promise<void>((resolve) => (toldAsked = resolve))
          await post('/api/messages', { type: 'a', payload: { k: KEYS, n: MESSAGES + n } })
          await asked
          const dead = new Promise((resolve) => server.child.once('exit', resolve))
          server.child.kill('SIGKILL')
          await dead
          silent = false
          server = await startProcess(t, dataDir, settings)
        }
        await post('/api/messages', { type: 'a', payload: { k: chance.whole(0, KEYS - 1), n } })
      }
      for (;;) {
        const response = await fetch(`${server.origin}/api/deliveries?tenant=acme&state=pending`)
        const { items } = (await response.json()) as { items: unknown[] }
        if (items.length === 0) break
      }
      for (let k = 0; k <= KEYS; k++) {
        const numbers = arrived.flatMap((one) => (one.k === k ? [one.n] : []))
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
        )
      }
      assert.equal(arrived.length, MESSAGES + 3)
    })
  }
})
