// Functions that pass their results on to each other through this very server.
import assert from 'node:assert/strict'
import { request as rawRequest } from 'node:http'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { ErrorAnswer, Uploaded } from './helpers/client.ts'
import { example, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

/** Nothing but the own address may be called. */
const CLOSED = { OUTBOUND_ALLOW: '' }

function own(app: TestApp, path: string, fields: object = {}): Record<string, unknown> {
  const { hostname, port } = new URL(app.origin)
  return { protocol: 'http:', hostname, port: Number(port), path, ...fields }
}

async function putState(app: TestApp, executable: Uploaded, state: object): Promise<void> {
  const response = await app.request(`/api/state/${executable.id}`, {
    method: 'PUT',
    headers: admin(executable),
    body: JSON.stringify(state),
  })
  assert.equal(response.status, 200)
}

test('two functions chain through embedded callbacks without any allowance', async (t) => {
  const app = await buildApp(t, CLOSED)
  const [first, second] = [
    await upload(app, await example('chain')),
    await upload(app, await example('chain')),
  ]
  const json = { 'content-type': 'application/json' }
  await putState(app, second, { name: 'second' })
  await putState(app, first, {
    name: 'first',
    next: own(app, `/api/run/${second.id}/step`, { headers: json }),
  })
  const response = await call(app, first, 'step', { headers: json, body: '{"steps":["none"]}' })
  assert.equal(await response.text(), '{"steps":["none","first","second"]}')
  assert.equal(response.headers.get('content-type'), 'application/json')
  const runs = await Promise.all(
    [first, second].map(async (link) => {
      const list = await app.request(`/api/executables/${link.id}/runs`, { headers: admin(link) })
      return ((await list.json()) as { items: Record<string, unknown>[] }).items[0]!
    }),
  )
  assert.deepEqual(
    runs.map((run) => [run.status, run.forwarded_to]),
    [
      ['succeeded', app.origin],
      ['succeeded', null],
    ],
  )
})

test('a function may be fetched from, at the own address', async (t) => {
  const app = await buildApp(t, CLOSED)
  const { id } = await upload(app, await guest('echo'))
  const fetch = own(app, `/api/run/${id}/echo`, { method: 'POST', body: { a: 1 } })
  const response = await call(app, id, 'echo', { headers: { SSVM_Fetch: JSON.stringify(fetch) } })
  assert.equal(await response.text(), '{"a":1}')
})

test('other paths of the own address are refused, however they are spelled', async (t) => {
  for (const settings of [CLOSED, { OUTBOUND_ALLOW: '127.0.0.1,localhost' }]) {
    const app = await buildApp(t, settings)
    const one = await upload(app, await guest('echo'))
    for (const path of [
      '/',
      '/api/executables',
      `/api/executables/${one.id}`,
      `/api/state/${one.id}`,
      '/api/runs/1',
      '/api/ephemeral_storage',
      '/healthz',
      '/docs/',
      '/api/run/../executables',
      '/api/run/%2e%2e/executables',
      '/api/run/.%2E/state/1',
      '/api/run\\..\\executables',
      '//api/run/1/echo',
    ]) {
      for (const header of ['SSVM_Fetch', 'SSVM_Callback']) {
        const spec = JSON.stringify(own(app, path, { headers: admin(one) }))
        const response = await call(app, one, 'echo', { headers: { [header]: spec }, body: 'x' })
        await refused(response, 400, 'ADDRESS_REFUSED')
      }
    }
    const kept = await app.request('/api/executables')
    assert.deepEqual(await kept.json(), [{ wasm_id: one.id }])
  }
})

test('a callback loop ends with 508, and every run on the way says so', async (t) => {
  const app = await buildApp(t, CLOSED)
  const one = await upload(app, await guest('echo'))
  await app.request(`/api/callback/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: JSON.stringify(own(app, `/api/run/${one.id}/echo`)),
  })
  const answer = (await refused(
    await call(app, one, 'echo', { body: 'round' }),
    508,
    'LOOP_DETECTED',
  )) as ErrorAnswer & { run_id: string }
  assert.match(answer.run_id, /^[0-9a-f-]{36}$/)
  const list = await app.request(`/api/executables/${one.id}/runs`, { headers: admin(one) })
  const { items } = (await list.json()) as { items: { code: string }[] }
  // The first run, eight more, and the one that is a hop too far.
  assert.deepEqual(
    items.map((run) => run.code),
    Array<string>(10).fill('LOOP_DETECTED'),
  )
})

test('a loop of fetches ends with 508 too', async (t) => {
  const app = await buildApp(t, CLOSED)
  const { id } = await upload(app, await guest('echo'))
  let spec: object = own(app, `/api/run/${id}/echo`, { method: 'POST', body: 'end' })
  const nested = (rounds: number): object => {
    for (let round = 0; round < rounds; round++) {
      const body = { SSVM_Fetch: spec }
      spec = own(app, `/api/run/${id}/echo`, { method: 'POST', body })
    }
    return spec
  }
  const fine = await call(app, id, 'echo', { body: JSON.stringify({ SSVM_Fetch: nested(7) }) })
  assert.equal(await fine.text(), 'end')
  const far = await call(app, id, 'echo', { body: JSON.stringify({ SSVM_Fetch: nested(1) }) })
  await refused(far, 508, 'LOOP_DETECTED')
})

test('Wasmhook-Hops travels to targets and upstreams, counted, and cannot be set by a spec', async (t) => {
  const app = await buildApp(t)
  const { id } = await upload(app, await guest('echo'))
  const service = await httpService(t, (_request, reply) => reply.end('x'))
  const spec = JSON.stringify({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: service.port,
    headers: { 'Wasmhook-Hops': '0', 'wasmhook-run': 'x' },
  })
  for (const [hops, sent] of [
    [undefined, '1'],
    ['0', '1'],
    ['5', '6'],
    ['8', '9'],
  ] as const) {
    const headers = { SSVM_Fetch: spec, SSVM_Callback: spec }
    const given = hops === undefined ? {} : { 'Wasmhook-Hops': hops }
    const response = await call(app, id, 'echo', { headers: { ...headers, ...given } })
    assert.equal(response.status, 200)
    for (const { headers: received } of service.received.splice(0)) {
      assert.equal(received['wasmhook-hops'], sent)
      assert.equal(received['wasmhook-run'], undefined)
    }
  }
  for (const hops of ['9', '999', '1000', '-1', 'x', '1.5', '1e0', '0x1', '', ' ', '1, 2']) {
    const headers = { 'Wasmhook-Hops': hops }
    await refused(await call(app, id, 'echo', { headers, body: 'x' }), 508, 'LOOP_DETECTED')
  }
  assert.equal(service.received.length, 0)
})

test('a Wasmhook-Hops header sent twice does not lower the count', async (t) => {
  const app = await buildApp(t)
  const { id } = await upload(app, await guest('echo'))
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = rawRequest(`${app.origin}/api/run/${id}/echo`, {
      method: 'POST',
      headers: { 'Wasmhook-Hops': ['9', '0'], 'content-type': 'text/plain' },
    })
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    sent.end('x')
  })
  assert.equal(status, 508)
})
