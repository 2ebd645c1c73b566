// Tokens of tenants: made and shown once, bound to a tenant and to rights, expiring, revoked, and never a way into
// what is the operator's.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { before, beforeEach, describe, test } from 'node:test'
import { pino } from 'pino'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { example } from './helpers/guests.ts'

const API_TOKEN = 'a-token-of-enough-characters'
const NOBODY = '01900000-0000-7000-8000-000000000000'
const UNKNOWN = `wht_${'A'.repeat(43)}`
const MINUTE_MS = 60_000
const YEAR_MS = 365 * 24 * 3_600_000

interface Shown {
  token_id: string
  prefix: string
  tenant: string
  rights: string[]
  expires_at: string | null
  revoked_at: string | null
  last_used_at: string | null
}
type Made = Shown & { token: string }

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const OPERATOR = bearer(API_TOKEN)

function post(app: TestApp, body: object, keys: object = OPERATOR): Promise<Response> {
  return app.request('/api/tokens', {
    method: 'POST',
    headers: { ...keys, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function shown<T = Shown>(response: Response, status = 200): Promise<T> {
  const text = await response.text()
  assert.equal(response.status, status, text)
  return JSON.parse(text) as T
}

describe('a token', () => {
  const scope = suiteScope()
  let app: TestApp
  let nowMs = Date.now()
  const lines: string[] = []

  before(async () => {
    const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    app = await buildApp(scope, { API_TOKEN, TOKENS_MAX: 50 }, { now: () => nowMs, logger })
  })
  beforeEach(() => {
    nowMs = Date.now()
  })

  async function make(fields: object = {}): Promise<Made> {
    return shown<Made>(await post(app, { tenant: 't', rights: ['read'], ...fields }), 201)
  }
  const whoAmI = (token: string) => app.request('/api/token', { headers: bearer(token) })
  const read = async (id: string) =>
    shown(await app.request(`/api/tokens/${id}`, { headers: OPERATOR }))
  const revoke = (id: string) =>
    app.request(`/api/tokens/${id}`, { method: 'DELETE', headers: OPERATOR })
  const list = async (query: string) =>
    shown<{ items: Shown[]; next: string | null }>(
      await app.request(`/api/tokens${query}`, { headers: OPERATOR }),
    )

  test('is shown once, and kept in no file, list or log line', async () => {
    const rights = ['manage', 'read']
    const response = await post(app, { tenant: 'acme', rights, description: 'of CI' })
    assert.equal(response.headers.get('cache-control'), 'no-store')
    const location = response.headers.get('location')
    const { token, ...made } = await shown<Made>(response, 201)
    assert.match(token, /^wht_[A-Za-z0-9_-]{43}$/)
    assert.equal(location, `/api/tokens/${made.token_id}`)
    assert.deepEqual(made, {
      token_id: made.token_id,
      prefix: token.slice(0, 8),
      tenant: 'acme',
      rights: ['read', 'manage'],
      description: 'of CI',
      created_at: new Date(nowMs).toISOString(),
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
    })
    assert.deepEqual(await read(made.token_id), made)
    assert.deepEqual((await list('?tenant=acme')).items, [made])
    await shown(await whoAmI(token))
    await refused(await app.request('/api/tokens', { headers: bearer(token) }), 403, 'WRONG_KEY')
    const secret = token.slice(8)
    for (const name of await readdir(app.dataDir, { recursive: true })) {
      const bytes = await readFile(path.join(app.dataDir, name)).catch(() => Buffer.alloc(0))
      assert.ok(!bytes.includes(secret), name)
    }
    assert.ok(lines.some((line) => line.includes('/api/tokens')))
    assert.ok(!lines.some((line) => line.includes(secret)))
  })

  test('tells its holder what it opens, and the operator that all is open', async () => {
    const end = { expires_in_ms: MINUTE_MS }
    const { token, token_id: id } = await make({ rights: ['publish'], ...end })
    assert.deepEqual(await shown<object>(await whoAmI(token)), {
      token_id: id,
      tenant: 't',
      rights: ['publish'],
      expires_at: new Date(nowMs + MINUTE_MS).toISOString(),
    })
    const all = { token_id: null, tenant: null, rights: ['read', 'publish', 'manage'] }
    assert.deepEqual(await shown<object>(await whoAmI(API_TOKEN)), { ...all, expires_at: null })
  })

  test('that nobody made opens nothing, nor does none', async () => {
    await refused(await app.request('/api/token'), 401, 'MISSING_KEY')
    const { token } = await make()
    const cut = token.slice(0, -1)
    for (const wrong of [UNKNOWN, cut, `${token}A`, token.toUpperCase(), 'wht_', NOBODY]) {
      await refused(await whoAmI(wrong), 403, 'WRONG_KEY')
    }
    const elsewhere = { SSVM_Admin_Key: token }
    await refused(await app.request('/api/token', { headers: elsewhere }), 403, 'WRONG_KEY')
  })

  test('ends when it expires, by the clock of the server', async () => {
    const expires = new Date(nowMs + MINUTE_MS).toISOString()
    const { token, expires_at: told } = await make({ expires_at: expires })
    assert.equal(told, expires)
    nowMs += MINUTE_MS - 1
    await shown(await whoAmI(token))
    nowMs += 1
    assert.match((await refused(await whoAmI(token), 403, 'WRONG_KEY')).error, /expired/)
  })

  test('that is revoked opens nothing any more, and stays listed', async () => {
    const { token, token_id: id } = await make({ tenant: 'revoking' })
    await shown(await whoAmI(token))
    const revoked = await shown(await revoke(id))
    assert.equal(revoked.revoked_at, new Date(nowMs).toISOString())
    assert.match((await refused(await whoAmI(token), 403, 'WRONG_KEY')).error, /revoked/)
    nowMs += MINUTE_MS
    assert.equal((await shown(await revoke(id))).revoked_at, revoked.revoked_at)
    assert.equal((await list('?tenant=revoking')).items[0]?.revoked_at, revoked.revoked_at)
    await refused(await whoAmI(token), 403, 'WRONG_KEY')
  })

  test('has its last use noted, about once a minute', async () => {
    const { token, token_id: id } = await make()
    const used = async () => {
      await shown(await whoAmI(token))
      return new Date(nowMs).toISOString()
    }
    const first = await used()
    while ((await read(id)).last_used_at !== first);
    nowMs += MINUTE_MS - 1
    await used()
    nowMs += 1
    const second = await used()
    while ((await read(id)).last_used_at !== second);
  })

  test('that is not there is 404, whatever its id looks like', async () => {
    for (const id of [NOBODY, 'x', '1', '%00']) {
      await refused(await revoke(id), 404, 'NOT_FOUND')
      const response = await app.request(`/api/tokens/${id}`, { headers: OPERATOR })
      await refused(response, 404, 'NOT_FOUND')
    }
  })

  test('is made whole or not at all', async () => {
    const ok = { tenant: 'refused', rights: ['read'] }
    const bad: object[] = [
      {},
      { tenant: 'refused' },
      { rights: ['read'] },
      { ...ok, rights: [] },
      { ...ok, rights: ['read', 'read'] },
      { ...ok, rights: ['admin'] },
      { ...ok, rights: 'read' },
      { ...ok, tenant: '' },
      { ...ok, tenant: '.a' },
      { ...ok, tenant: 'a/b' },
      { ...ok, tenant: 'ä' },
      { ...ok, tenant: 'a'.repeat(65) },
      { ...ok, tenant: 1 },
      { ...ok, description: 'x'.repeat(1_001) },
      { ...ok, name: 'x' },
      { ...ok, expires_at: new Date(nowMs).toISOString() },
      { ...ok, expires_at: '2001-01-01T00:00:00Z' },
      { ...ok, expires_at: '2200-02-30T00:00:00Z' },
      { ...ok, expires_at: 'tomorrow' },
      { ...ok, expires_at: null },
      { ...ok, expires_in_ms: 0 },
      { ...ok, expires_in_ms: 1.5 },
      { ...ok, expires_in_ms: '1000' },
      { ...ok, expires_in_ms: 101 * YEAR_MS },
      { ...ok, expires_at: '9999-12-31T00:00:00Z' },
      { ...ok, expires_in_ms: 9, expires_at: new Date(nowMs + YEAR_MS).toISOString() },
    ]
    for (const body of bad) {
      const answer = await refused(await post(app, body), 400, 'BAD_REQUEST')
      assert.ok(answer.error.length > 8, JSON.stringify(body))
    }
    assert.deepEqual((await list('?tenant=refused')).items, [])
    await refused(
      await app.request('/api/tokens?tenant=.', { headers: OPERATOR }),
      400,
      'BAD_REQUEST',
    )
    const ends = await make({ tenant: 'A-1._', expires_in_ms: 100 * YEAR_MS })
    assert.notEqual(ends.expires_at, null)
  })

  test('is found page by page, newest first', async () => {
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.unshift((await make({ tenant: 'paged' })).token_id)
    const first = await list('?tenant=paged&limit=2')
    assert.deepEqual(
      first.items.map((one) => one.token_id),
      ids.slice(0, 2),
    )
    const second = await list(`?tenant=paged&limit=2&cursor=${first.next}`)
    assert.deepEqual([second.items.map((one) => one.token_id), second.next], [ids.slice(2), null])
    assert.deepEqual((await list('?limit=1')).items[0]?.token_id, ids[0])
    for (const query of ['?limit=0', '?limit=101', '?cursor=x', '?other=1']) {
      const response = await app.request(`/api/tokens${query}`, { headers: OPERATOR })
      await refused(response, 400, 'BAD_REQUEST')
    }
  })

  test('opens nothing of the operator, nor of an executable', async () => {
    const hello = await example('hello')
    const one = await upload(app, hello, { ...OPERATOR, SSVM_Create_Usage_Key: 'true' })
    const { token } = await make({ rights: ['read', 'publish', 'manage'] })
    for (const [method, url] of [
      ['GET', '/api/tokens'],
      ['POST', '/api/tokens'],
      ['GET', '/metrics'],
      ['GET', '/api/executables'],
      ['POST', '/api/executables'],
      ['GET', `/api/executables/${one.id}/runs`],
      ['DELETE', `/api/executables/${one.id}`],
      ['GET', `/api/state/${one.id}`],
    ] as const) {
      for (const keys of [bearer(token), { SSVM_Admin_Key: token }]) {
        await refused(await app.request(url, { method, headers: keys }), 403, 'WRONG_KEY')
      }
    }
    for (const keys of [bearer(token), { SSVM_Usage_Key: token }, { SSVM_Admin_Key: token }]) {
      await refused(await call(app, one, 'say', { headers: keys, body: 'x' }), 403, 'WRONG_KEY')
    }
  })
})

test('past TOKENS_MAX live tokens none is made, and a revoked one makes room', async (t) => {
  const app = await buildApp(t, { API_TOKEN, TOKENS_MAX: 2 })
  const body = { tenant: 't', rights: ['read'] }
  const first = await shown<Made>(await post(app, body), 201)
  await shown(await post(app, { ...body, tenant: 'other' }), 201)
  const { limit } = await refused(await post(app, body), 409, 'CONFLICT')
  assert.equal(limit, 2)
  const url = `/api/tokens/${first.token_id}`
  await shown(await app.request(url, { method: 'DELETE', headers: OPERATOR }))
  await shown(await post(app, body), 201)
  await refused(await post(app, body), 409, 'CONFLICT')
  await refused(await app.request('/api/token', { headers: bearer(first.token) }), 403, 'WRONG_KEY')
})

test('without API_TOKEN everybody here is the operator, but whoever shows a token acts as its tenant', async (t) => {
  const app = await buildApp(t)
  const who = (keys: Record<string, string>) => app.request('/api/token', { headers: keys })
  const made = await shown<Made>(await post(app, { tenant: 't', rights: ['read'] }, {}), 201)
  assert.equal((await shown(await who({}))).tenant, null)
  assert.equal((await shown(await who(bearer('whatever')))).tenant, null)
  assert.equal((await shown(await who(bearer(made.token)))).tenant, 't')
  await refused(await who(bearer(UNKNOWN)), 403, 'WRONG_KEY')
  await shown(await app.request(`/api/tokens/${made.token_id}`, { method: 'DELETE' }))
  await refused(await who(bearer(made.token)), 403, 'WRONG_KEY')
})

test('a restart keeps tokens and revocations', async (t) => {
  const app = await buildApp(t, { API_TOKEN })
  const body = { tenant: 't', rights: ['read'] }
  const [kept, gone] = [
    await shown<Made>(await post(app, body), 201),
    await shown<Made>(await post(app, body), 201),
  ]
  const url = `/api/tokens/${gone.token_id}`
  await shown(await app.request(url, { method: 'DELETE', headers: OPERATOR }))
  const again = await app.restart()
  const who = (token: string) => again.request('/api/token', { headers: bearer(token) })
  assert.equal((await shown(await who(kept.token))).token_id, kept.token_id)
  await refused(await who(gone.token), 403, 'WRONG_KEY')
})
