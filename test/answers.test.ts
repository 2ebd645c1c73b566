// Answers that must stay small, quick and honest whatever is asked: large JSON, deep JSON, masks, methods.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { example, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

test('a body beyond JSON_SEARCH_BYTES is data: nothing is cut out of it', async (t) => {
  const app = await buildApp(t, { JSON_SEARCH_BYTES: 100 })
  const echo = await upload(app, await guest('echo'))
  const small = '{"SSVM_Callback":{},"a":1}'
  const large = JSON.stringify({ SSVM_Callback: {}, a: 'x'.repeat(100) })
  const answers = [small, large].map(async (body) =>
    (await call(app, echo, 'echo', { body })).text(),
  )
  assert.deepEqual(await Promise.all(answers), ['{"a":1}', large])
})

test('a result beyond JSON_SEARCH_BYTES is data, and its type is still found', async (t) => {
  const app = await buildApp(t, { JSON_SEARCH_BYTES: 100 })
  const echo = await upload(app, await guest('echo'))
  const body = JSON.stringify({ callback: { hostname: '127.0.0.1' }, a: 'x'.repeat(100) })
  const response = await call(app, echo, 'echo', { body })
  assert.equal(await response.text(), body)
  assert.equal(response.headers.get('content-type'), 'application/json')
})

test('a body that is no UTF-8 keeps its bytes even where it names SSVM_Callback', async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await guest('echo'))
  const body = Buffer.from('{"SSVM_Callback":{},"a":"\xff\xfe"}', 'latin1')
  const response = await call(app, echo, 'echo', { body, bytes: true })
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body)
})

test('JSON that is nested without end is refused, wherever it comes', async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await guest('echo'))
  const deep = '['.repeat(200_000) + ']'.repeat(200_000)
  const stored = await app.request('/api/ephemeral_storage', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: deep,
  })
  await refused(stored, 400, 'INVALID_JSON')
  const body = `{"SSVM_Fetch":{"hostname":"127.0.0.1","body":${deep}}}`
  await refused(await call(app, echo, 'echo', { body }), 400, 'INVALID_SPEC')
})

test('a request spec has a longest text', async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await guest('echo'))
  const form = new FormData()
  form.set('fetch_input_1', `{"hostname":"127.0.0.1","body":"${'x'.repeat(1_100_000)}"}`)
  const url = `/api/multipart/run/${echo.id}/echo`
  await refused(await app.request(url, { method: 'POST', body: form }), 400, 'INVALID_SPEC')
})

test('wasm_as_buffer is the whole module, whatever its size', async (t) => {
  const app = await buildApp(t)
  const wasm = await example('thumbnail')
  const one = await upload(app, wasm)
  const url = `/api/executables/${one.id}?filterBy=["wasm_as_buffer","wasm_id"]`
  const response = await app.request(url, { headers: admin(one) })
  const shown = (await response.json()) as {
    wasm_id: number
    wasm_as_buffer: { type: string; data: number[] }
  }
  assert.equal(shown.wasm_id, one.id)
  assert.equal(shown.wasm_as_buffer.type, 'Buffer')
  assert.deepEqual(Buffer.from(shown.wasm_as_buffer.data), wasm)
  const wrong = await app.request(url, { headers: { SSVM_Admin_Key: 'nope' } })
  await refused(wrong, 403, 'WRONG_KEY')
})

test('of a stored callback only what cannot be a secret is shown', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  const shownAs = async (callback: string): Promise<unknown> => {
    const url = `/api/callback/${one.id}`
    await app.request(url, { method: 'PUT', headers: admin(one), body: callback })
    const response = await app.request(`/api/executables/${one.id}`, { headers: admin(one) })
    return ((await response.json()) as Record<string, unknown>).wasm_callback_object
  }
  const spec = {
    hostname: 'hooks.example.com',
    path: '/services/T0/SECRET',
    port: 443,
    token: 'SECRET',
  }
  assert.deepEqual(await shownAs(JSON.stringify(spec)), {
    hostname: 'hooks.example.com',
    path: '/***',
    port: 443,
    token: '***',
  })
  const url = 'https://user:SECRET@hooks.example.com/services/SECRET?x=SECRET'
  assert.equal(await shownAs(url), 'https://hooks.example.com/***')
})

test("a malformed callback in a result is the function's fault, and the result is kept", async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await guest('echo'))
  const body = '{"callback":{"hostname":"h","socketPath":"/x"},"a":1}'
  const failed = await refused(await call(app, echo, 'echo', { body }), 500, 'INVALID_CALLBACK')
  const kept = await app.request(`/api/runs/${String(failed.run_id)}/result`)
  assert.equal(await kept.text(), '{"a":1}')
})

test("a foreign target's 508 is a failed callback, not a loop", async (t) => {
  const app = await buildApp(t)
  const target = await httpService(t, (_request, reply) => reply.writeHead(508).end('no'))
  const echo = await upload(app, await guest('echo'))
  const headers = { SSVM_Callback: target.origin }
  const answer = await refused(
    await call(app, echo, 'echo', { headers, body: 'x' }),
    502,
    'CALLBACK_FAILED',
  )
  assert.equal((answer.target as { status: number }).status, 508)
})

test("the result's type goes along when a callback is redirected to another origin", async (t) => {
  const app = await buildApp(t)
  const last = await httpService(t, (_request, reply) => reply.end('ok'))
  const first = await httpService(t, (_request, reply) =>
    reply.writeHead(307, { location: `${last.origin}/` }).end(),
  )
  const echo = await upload(app, await guest('echo'))
  const SSVM_Callback = JSON.stringify({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: first.port,
    headers: { 'x-secret': 's' },
    maxRedirects: 1,
  })
  const response = await call(app, echo, 'echo', { headers: { SSVM_Callback }, body: '{"a":1}' })
  assert.equal(await response.text(), 'ok')
  assert.equal(last.received[0]?.headers['content-type'], 'application/json')
  assert.equal(last.received[0].headers['x-secret'], undefined)
})

test('a name with a line end is no way around validation', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  for (const setting of ['types', 'variables']) {
    const response = await app.request(`/api/executables/${one.id}/${setting}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body: '{"a\\nb":5}',
    })
    await refused(response, 400, 'BAD_REQUEST')
  }
})

test('every other method of a known path answers 405 with Allow', async (t) => {
  const app = await buildApp(t)
  for (const method of ['OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
    const response = await app.request('/api/executables', { method })
    assert.equal(response.headers.get('allow'), 'GET, HEAD, POST')
    await refused(response, 405, 'METHOD_NOT_ALLOWED')
  }
})

test('a page listed for CORS may call functions without a token, but not upload', async (t) => {
  const app = await buildApp(t, { CORS_ORIGINS: 'https://page.example' })
  const one = await upload(app, await guest('echo'))
  const headers = { origin: 'https://page.example' }
  assert.equal((await call(app, one, 'echo', { headers, body: 'x' })).status, 200)
  const wasm = await guest('echo')
  const upload_ = await app.request('/api/executables', { method: 'POST', headers, body: wasm })
  await refused(upload_, 403, 'ORIGIN_REFUSED')
})

test('versions are listed in pages', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  for (let i = 0; i < 2; i++) {
    const swap = { method: 'PUT', headers: admin(one), body: await guest('echo') }
    assert.equal((await app.request(`/api/update_wasm_binary/${one.id}`, swap)).status, 200)
  }
  const page = async (
    query: string,
  ): Promise<{ items: { version: number }[]; next: string | null }> => {
    const url = `/api/executables/${one.id}/versions?${query}`
    return (await (await app.request(url, { headers: admin(one) })).json()) as never
  }
  const first = await page('limit=2')
  assert.deepEqual(
    first.items.map(({ version }) => version),
    [3, 2],
  )
  const second = await page(`limit=2&cursor=${first.next ?? ''}`)
  assert.deepEqual(
    second.items.map(({ version }) => version),
    [1],
  )
  assert.equal(second.next, null)
  const url = `/api/executables/${one.id}/versions?cursor=x`
  await refused(await app.request(url, { headers: admin(one) }), 400, 'BAD_REQUEST')
})
