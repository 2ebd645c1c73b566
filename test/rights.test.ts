// Who may call what: API token, admin key, usage key, or nobody's leave.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { example } from './helpers/guests.ts'
import { checkEveryRoute } from './rights-matrix.ts'

const TOKEN = 'a-token-of-enough-characters'
const WRONG = '3f8a6f0e-0000-4000-8000-000000000000'
const ZERO = '00000000-0000-0000-0000-000000000000'

type Keys = Record<string, string>
type Right = 'open' | 'token' | 'admin' | 'usage'

/** Every route that asks for a right; a body that the route accepts. */
const ROUTES: readonly (readonly [Right, string, string, (string | undefined)?, string?])[] = [
  ['token', 'GET', '/api/executables'],
  ['token', 'GET', '/metrics'],
  ['token', 'POST', '/api/ephemeral_storage', '{"a":1}', 'application/json'],
  ['open', 'GET', '/api/executables/:id'],
  ['open', 'GET', '/healthz'],
  ['open', 'GET', '/readyz'],
  ['open', 'GET', '/openapi.json'],
  ['open', 'GET', '/docs/'],
  ['admin', 'PATCH', '/api/executables/:id', '{"description":"x"}', 'application/json'],
  ['admin', 'GET', '/api/executables/:id/versions'],
  ['admin', 'POST', '/api/executables/:id/versions/1/activate'],
  ['admin', 'GET', '/api/executables/:id/runs'],
  ['admin', 'GET', '/api/executables/:id/deliveries'],
  ['admin', 'GET', '/api/deliveries?wasm_id=:id'],
  ['token', 'GET', '/api/deliveries'],
  ['token', 'GET', '/api/deliveries?tenant=t'],
  ['token', 'GET', '/api/tokens'],
  ['token', 'GET', '/api/token'],
  ['token', 'GET', '/api/event-types?tenant=t'],
  ['token', 'GET', '/api/endpoints?tenant=t'],
  ['token', 'GET', '/api/messages?tenant=t'],
  ['admin', 'GET', '/api/resend-jobs?wasm_id=:id'],
  ['token', 'GET', '/api/resend-jobs'],
  ['admin', 'GET', '/api/executables/:id/storage'],
  ['admin', 'DELETE', '/api/executables/:id/storage'],
  ['admin', 'GET', '/api/log/:id'],
  ['admin', 'POST', '/api/executables/:id/signing-secret', '{}', 'application/json'],
  ['admin', 'GET', '/api/executables/:id/signing-secret'],
  ['admin', 'DELETE', '/api/executables/:id/signing-secret'],
  ['open', 'GET', '/.well-known/jwks/:id.json'],
  ['admin', 'GET', '/api/executables/:id/limits'],
  ['admin', 'PUT', '/api/executables/:id/limits', '{}', 'application/json'],
  ['admin', 'GET', '/api/executables/:id/types'],
  ['admin', 'PUT', '/api/executables/:id/types', '{}', 'application/json'],
  ['admin', 'GET', '/api/executables/:id/variables'],
  ['admin', 'PUT', '/api/executables/:id/variables', '{}', 'application/json'],
  ['admin', 'PUT', '/api/state/:id', '{}', 'text/plain'],
  ['admin', 'PUT', '/api/callback/:id', '{}', 'application/json'],
  ['admin', 'DELETE', '/api/callback/:id'],
  ['usage', 'GET', '/api/state/:id'],
  ['usage', 'POST', '/api/run/:id/say', 'x', 'text/plain'],
  ['usage', 'POST', '/api/run/:id/say/bytes', 'x', 'text/plain'],
]

for (const token of ['', TOKEN]) {
  describe(token === '' ? 'without an API token' : 'with an API token', () => {
    const scope = suiteScope()
    let app: TestApp
    let closed: Uploaded

    before(async () => {
      app = await buildApp(scope, token === '' ? {} : { API_TOKEN: token })
      closed = await upload(app, await example('hello'), {
        ...bearer(token),
        SSVM_Create_Usage_Key: 'true',
      })
      // So that the log has a row.
      await call(app, closed, 'say', { headers: { SSVM_Usage_Key: closed.usageKey }, body: 'x' })
    })

    for (const [right, method, path, body, type] of ROUTES) {
      test(`${method} ${path} is for ${right}`, async () => {
        const send = (keys: Keys): Promise<Response> =>
          app.request(path.replace(':id', String(closed.id)), {
            method,
            headers: { ...keys, ...(type === undefined ? {} : { 'content-type': type }) },
            ...(body === undefined ? {} : { body }),
          })
        const status = async (keys: Keys): Promise<number> => {
          const response = await send(keys)
          await response.arrayBuffer()
          return response.status
        }
        const free = right === 'open' || (right === 'token' && token === '')
        if (free) {
          assert.equal(await status({}), 200)
          return
        }
        await refused(await send({}), 401, 'MISSING_KEY')
        await refused(await send(bearer(WRONG)), 403, 'WRONG_KEY')
        await refused(await send(bearer(ZERO)), 403, 'WRONG_KEY')
        if (token !== '') assert.equal(await status(bearer(token)), 200)
        if (right === 'token') return
        await refused(await send({ [headerOf(right)]: WRONG }), 403, 'WRONG_KEY')
        const own = right === 'admin' ? closed.adminKey : closed.usageKey
        assert.equal(await status({ [headerOf(right)]: own }), 200)
        assert.equal(await status({ [headerOf(right).replaceAll('_', '-')]: own }), 200)
        assert.equal(await status(bearer(own)), 200)
        const other = right === 'admin' ? closed.usageKey : closed.adminKey
        assert.equal(await status(bearer(other)), right === 'admin' ? 403 : 200)
      })
    }

    test('a route for keys answers 404 for an executable that is not there', async () => {
      await refused(
        await app.request('/api/state/999', { headers: bearer(WRONG) }),
        404,
        'NOT_FOUND',
      )
      for (const id of ['0', '-1', '1.5', 'x', '1e3', '99999999999999999999']) {
        await refused(await app.request(`/api/state/${id}`), 404, 'NOT_FOUND')
      }
    })

    test("another executable's keys open nothing", async () => {
      const other = await upload(app, await example('hello'), {
        ...bearer(token),
        SSVM_Create_Usage_Key: 'true',
      })
      const response = await app.request(`/api/executables/${closed.id}`, {
        method: 'DELETE',
        headers: { SSVM_Admin_Key: other.adminKey },
      })
      await refused(response, 403, 'WRONG_KEY')
      const run = await call(app, closed, 'say', {
        headers: { SSVM_Usage_Key: other.usageKey },
        body: 'x',
      })
      await refused(run, 403, 'WRONG_KEY')
    })
  })
}

test('every route of /openapi.json answers every key as its security says', checkEveryRoute)

test('describe shows state with the usage key, the rest with the admin key, secrets masked', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await example('hello'), { SSVM_Create_Usage_Key: 'true' })
  const admin = { SSVM_Admin_Key: one.adminKey }
  await app.request(`/api/callback/${one.id}`, {
    method: 'PUT',
    headers: admin,
    body: JSON.stringify({
      hostname: 'example.org',
      path: '/x?token=SECRET1',
      auth: 'SECRET2:SECRET3',
      headers: { 'X-Api-Key': 'SECRET4', 'Content-Type': 'application/json' },
    }),
  })
  await app.request(`/api/state/${one.id}`, { method: 'PUT', headers: admin, body: 'a state' })
  await app.request(`/api/executables/${one.id}/variables`, {
    method: 'PUT',
    headers: { ...admin, 'content-type': 'application/json' },
    body: '{"MY_KEY":"SECRET5"}',
  })
  const describeWith = async (keys: Keys, filter = ''): Promise<Record<string, unknown>> => {
    const response = await app.request(`/api/executables/${one.id}${filter}`, { headers: keys })
    assert.equal(response.status, 200)
    return (await response.json()) as Record<string, unknown>
  }
  const stranger = await describeWith({})
  assert.ok(!('wasm_state' in stranger) && !('wasm_callback_object' in stranger))
  assert.equal(stranger.wasm_id, one.id)
  assert.equal((await describeWith({ SSVM_Usage_Key: one.usageKey })).wasm_state, 'a state')
  const owner = await describeWith(admin)
  assert.deepEqual(owner.wasm_callback_object, {
    hostname: 'example.org',
    path: '/***',
    auth: '***',
    headers: { 'X-Api-Key': '***', 'Content-Type': 'application/json' },
  })
  assert.deepEqual(owner.variables, ['MY_KEY'])
  assert.doesNotMatch(JSON.stringify(owner), /SECRET/)
  assert.equal((owner.limits as Record<string, number>).run_timeout_ms, 10_000)
  const filter = '?filterBy=["wasm_as_buffer"]'
  await refused(await app.request(`/api/executables/${one.id}${filter}`), 401, 'MISSING_KEY')
  const { wasm_as_buffer: buffer } = await describeWith(admin, filter)
  assert.deepEqual(Buffer.from((buffer as { data: number[] }).data), await example('hello'))
})

test('filterBy picks fields, and an unknown one is an error that lists those there are', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await example('hello'), { 'SSVM-Description': 'grüß dich' })
  const url = `/api/executables/${one.id}?filterBy=`
  const picked = await app.request(`${url}["wasm_description","wasm_id"]`)
  assert.deepEqual(await picked.json(), { wasm_id: one.id, wasm_description: 'grüß dich' })
  const unknown = await refused(await app.request(`${url}["wasm_secret"]`), 400, 'UNKNOWN_FILTER')
  assert.ok((unknown.filters as string[]).includes('wasm_sha256'))
  await refused(await app.request(`${url}wasm_id`), 400, 'UNKNOWN_FILTER')
})

test('a new usage key shuts out the old one, and deleting it opens the function', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await example('hello'))
  assert.equal(one.usageKey, ZERO)
  const change = async (method: string): Promise<string> => {
    const response = await app.request(`/api/keys/${one.id}/usage_key`, {
      method,
      headers: { SSVM_Admin_Key: one.adminKey },
    })
    return ((await response.json()) as { SSVM_Usage_Key: string }).SSVM_Usage_Key
  }
  const runWith = (key: string): Promise<Response> =>
    call(app, one, 'say', { headers: { SSVM_Usage_Key: key }, body: 'x' })
  const first = await change('PUT')
  assert.equal((await runWith(first)).status, 200)
  const second = await change('PUT')
  await refused(await runWith(first), 403, 'WRONG_KEY')
  assert.equal((await runWith(second)).status, 200)
  assert.equal(await change('DELETE'), ZERO)
  assert.equal((await call(app, one, 'say', { body: 'x' })).status, 200)
})

test('a run is read with the key it was made with, the admin key or the token, and by id where open', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await example('hello'), { SSVM_Create_Usage_Key: 'true' })
  const usage = { SSVM_Usage_Key: one.usageKey }
  const run = (await call(app, one, 'say', { headers: usage, body: 'x' })).headers.get(
    'wasmhook-run',
  )
  const read = (keys: Keys): Promise<Response> => app.request(`/api/runs/${run}`, { headers: keys })
  await refused(await read({}), 401, 'MISSING_KEY')
  await refused(await read({ SSVM_Usage_Key: WRONG }), 403, 'WRONG_KEY')
  assert.equal((await read(usage)).status, 200)
  assert.equal((await read({ SSVM_Admin_Key: one.adminKey })).status, 200)
  await refused(await app.request(`/api/runs/${WRONG}`), 404, 'NOT_FOUND')
})

function headerOf(right: Right): string {
  return right === 'admin' ? 'SSVM_Admin_Key' : 'SSVM_Usage_Key'
}

function bearer(key: string): Keys {
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}
