// Every route of /openapi.json is called with every kind of key; each answers as its `security` there says. A new
// route is in it by itself: it may need a row in test/helpers/api-examples.ts or api-things.ts, which says so.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { readRoutes, takes, undescribed } from './helpers/api-description.ts'
import type { Route } from './helpers/api-description.ts'
import { Things } from './helpers/api-things.ts'
import type { ApiRequest, Owner } from './helpers/api-things.ts'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import type { Uploaded } from './helpers/client.ts'
import { httpService } from './helpers/http-service.ts'

const API_TOKEN = 'a-token-of-enough-characters'
const TENANT = 'acme'
const OTHER = 'globex'
const RIGHTS = ['read', 'publish', 'manage'] as const
const SCHEMES = ['apiToken', 'tenantToken', 'adminKey', 'usageKey']

type Right = (typeof RIGHTS)[number]
type Answer = 'lets in' | readonly [status: number, code: string]

const MISSING_KEY = [401, 'MISSING_KEY'] as const
const WRONG_KEY = [403, 'WRONG_KEY'] as const
const MISSING_RIGHT = [403, 'MISSING_RIGHT'] as const
const NOT_FOUND = [404, 'NOT_FOUND'] as const

/** What a route's `security` says. */
interface Security {
  open: boolean
  /** undefined: no tenant's token opens it; null: any does. */
  right: Right | null | undefined
  admin: boolean
  usage: boolean
}

/** @throws Error that says what the route's author has to do */
function readSecurity({ name, security }: Route): Security {
  if (security === undefined) {
    throw new Error(
      `${name} does not say who may call it: give its schema a SECURITY (schemas.ts).`,
    )
  }
  const schemes = Object.assign({}, ...security) as Record<string, string[]>
  for (const scheme of Object.keys(schemes)) {
    if (SCHEMES.includes(scheme)) continue
    throw new Error(`${name} is opened by ${scheme}, of which test/rights-matrix.ts knows nothing.`)
  }
  const open = security.length === 0
  assert.ok(open || 'apiToken' in schemes, `${name} must be open to the operator.`)
  const [right] = schemes.tenantToken ?? []
  return {
    open,
    right: schemes.tenantToken === undefined ? undefined : ((right as Right | undefined) ?? null),
    admin: 'adminKey' in schemes,
    usage: 'usageKey' in schemes,
  }
}

export async function checkEveryRoute(t: TestContext): Promise<void> {
  const app = await buildApp(t, { API_TOKEN })
  const target = await httpService(t, (_request, reply) => reply.end('thanks'))
  const options = { app, token: API_TOKEN, target: `${target.origin}/in` }
  const things = new Things({ ...options, tenant: TENANT })
  await things.begin()
  await new Things({ ...options, tenant: OTHER }).begin()
  const tokens = await makeTokens(app)
  const stranger = await things.executable()

  for (const route of await readRoutes(app)) {
    await t.test(route.name, async () => {
      const security = readSecurity(route)
      for (const owner of ownersOf(security)) {
        await checkRoute({ app, things, tokens, stranger }, route, security, owner)
      }
    })
  }
}

/** Who may own what the route is about, which decides whose keys open it. */
function ownersOf({ right, admin, usage }: Security): Owner[] {
  const owners: Owner[] = []
  if (right !== undefined || !(admin || usage)) owners.push('tenant')
  if (admin || usage) owners.push('executable')
  return owners
}

interface Tokens {
  own: Record<Right, string>
  others: Record<Right, string>
  revoked: string
}

interface Scene {
  app: TestApp
  things: Things
  tokens: Tokens
  stranger: Uploaded
}

async function checkRoute(
  { app, things, tokens, stranger }: Scene,
  route: Route,
  security: Security,
  owner: Owner,
): Promise<void> {
  const { right } = security
  const request = await things.request(route, { owner })
  const { executable } = request

  /** The first is used again where it cannot have changed anything. */
  async function check(who: string, key: Keys, expected: Answer, named = true): Promise<void> {
    const fresh = expected === 'lets in' && !(named && route.method === 'GET')
    const sent = fresh ? await things.request(route, { owner, named }) : request
    const keys = typeof key === 'function' ? key(sent.executable) : key
    const told = `${route.name} of ${owner === 'tenant' ? 'a' : 'an'} ${owner}, as ${who}`
    const { status, text } = await send(app, sent, keys, expected, told)
    if (expected === 'lets in' && text.startsWith('{')) describes(route, status, text)
    if (who.startsWith('another tenant') && expected === 'lets in') {
      assert.ok(!text.includes(`"${TENANT}"`), `${told}: ${text}`)
    }
  }

  const refused = (answer: Answer): Answer => (security.open ? 'lets in' : answer)
  await check('nobody', {}, refused(MISSING_KEY))
  await check('a stranger', bearer(randomUUID()), refused(WRONG_KEY))
  await check('a revoked token', bearer(tokens.revoked), refused(WRONG_KEY))
  for (const has of RIGHTS) {
    const may = right === null || right === has || has === 'manage'
    const ownThing = owner === 'tenant'
    const answer = (mayIn: Answer): Answer =>
      refused(right === undefined ? WRONG_KEY : may ? mayIn : MISSING_RIGHT)
    const own = bearer(tokens.own[has])
    await check(`the tenant that may ${has}`, own, answer(ownThing ? 'lets in' : NOT_FOUND))
    if (ownThing && right !== undefined && may && request.url.includes('tenant=')) {
      await check(`the tenant that may ${has}, unnamed`, own, 'lets in', false)
    }
    await check(
      `another tenant that may ${has}`,
      bearer(tokens.others[has]),
      answer(aboutSomething(route, owner) ? NOT_FOUND : 'lets in'),
    )
  }
  const admin = owner === 'executable' && security.admin
  const usage = owner === 'executable' && security.usage
  const byKey = (lets: boolean): Answer => refused(lets ? 'lets in' : WRONG_KEY)
  const adminOf = (one: Uploaded): Header => ({ SSVM_Admin_Key: one.adminKey })
  const usageOf = (one: Uploaded): Header => ({ SSVM_Usage_Key: one.usageKey })
  await check('the admin key', adminOf, byKey(admin || usage))
  await check("another executable's admin key", adminOf(stranger), byKey(false))
  await check('a usage key as Bearer', (one) => bearer(one.usageKey), byKey(usage))
  await check("another executable's usage key as Bearer", bearer(stranger.usageKey), byKey(false))
  if (usage) await check('the usage key', usageOf, byKey(true))
  await check('the operator', bearer(API_TOKEN), 'lets in')
  assert.ok(executable.id !== stranger.id)
}

/** True where another tenant cannot mean its own: a thing, a tenant or an executable is named. */
function aboutSomething(route: Route, owner: Owner): boolean {
  const name = owner === 'tenant' ? 'tenant' : 'wasm_id'
  return route.path.includes('{') || takes(route, 'query', name) || takes(route, 'body', name)
}

type Header = Record<string, string>
type Keys = Header | ((one: Uploaded) => Header)

/** @throws Error that says what the route's author has to do */
function describes(route: Route, status: number, text: string): void {
  const names = undescribed(route, status, JSON.parse(text))
  if (names.length === 0) return
  throw new Error(
    `${route.name} answers ${names.join(', ')}, which its description lacks: add it to the shape in ` +
      '`response` of its schema.',
  )
}

/** Sends it, asserts the answer, and gives it. */
async function send(
  app: TestApp,
  { url, method, headers, body }: ApiRequest,
  keys: Header,
  expected: Answer,
  told: string,
): Promise<{ status: number; text: string }> {
  const response = await app.request(url, {
    method,
    headers: { ...headers, ...keys },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  const about = `${told}: ${response.status} ${text.slice(0, 300)}`
  if (expected === 'lets in') {
    assert.ok(response.ok, about)
    return { status: response.status, text }
  }
  const [status, code] = expected
  assert.equal(response.status, status, about)
  assert.equal((JSON.parse(text) as { code: string }).code, code, about)
  return { status, text }
}

async function makeTokens(app: TestApp): Promise<Tokens> {
  const ofTenant = async (tenant: string): Promise<Record<Right, string>> => {
    const made = await Promise.all(RIGHTS.map((right) => makeToken(app, tenant, right)))
    return Object.fromEntries(RIGHTS.map((right, n) => [right, made[n]!.token])) as Record<
      Right,
      string
    >
  }
  const { token: revoked, token_id: id } = await makeToken(app, TENANT, 'manage')
  const gone = await app.request(`/api/tokens/${id}`, {
    method: 'DELETE',
    headers: bearer(API_TOKEN),
  })
  assert.equal(gone.status, 200)
  return { own: await ofTenant(TENANT), others: await ofTenant(OTHER), revoked }
}

async function makeToken(
  app: TestApp,
  tenant: string,
  right: Right,
): Promise<{ token: string; token_id: string }> {
  const response = await app.request('/api/tokens', {
    method: 'POST',
    headers: { ...bearer(API_TOKEN), 'content-type': 'application/json' },
    body: JSON.stringify({ tenant, rights: [right] }),
  })
  assert.equal(response.status, 201)
  return (await response.json()) as { token: string; token_id: string }
}

function bearer(key: string): Header {
  return { authorization: `Bearer ${key}` }
}
