// A function in the way of an event where several processes serve: the one that sends has no sandbox, and asks another.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { upload } from './helpers/client.ts'
import { startCrew } from './helpers/crew.ts'
import { saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

test('with several processes a filter, a transform and a target function are called', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-functions-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const target = await httpService(t, (_request, reply) => reply.end('taken'))
  const crew = await startCrew(t, dataDir)
  const { id: wasmId } = await upload(crew, saying({ yes: 'true', made: '{"made":true}' }))
  const post = async (url: string, body: object): Promise<Record<string, unknown>> => {
    const response = await crew.request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'acme', ...body }),
    })
    assert.ok(response.ok, await response.clone().text())
    return (await response.json()) as Record<string, unknown>
  }
  await post('/api/event-types', { name: 'order.created' })
  const fn = (name: string) => ({ wasm_id: wasmId, name })
  const common = { event_types: ['order.*'], filter: fn('yes') }
  await post('/api/endpoints', { ...common, url: target.origin, transform: fn('made') })
  await post('/api/endpoints', { ...common, function: fn('made') })
  const { message_id: id } = await post('/api/messages', { type: 'order.created', payload: 1 })
  for (;;) {
    const response = await crew.request(`/api/deliveries?message_id=${String(id)}`)
    const { items } = (await response.json()) as { items: { state: string; tries: number }[] }
    assert.equal(items.length, 2)
    if (items.every(({ state, tries }) => state === 'succeeded' && tries === 1)) break
  }
  const [received] = target.received
  assert.deepEqual((JSON.parse(received!.body.toString()) as { data: unknown }).data, {
    made: true,
  })
})
