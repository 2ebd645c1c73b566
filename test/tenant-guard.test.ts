// What the key guard does for routes of tenants, on a real server with a route of each right; and how often it asks
// the database.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../src/config.ts'
import { createByteBudget } from '../src/core/byte-budget.ts'
import { createTokens } from '../src/core/tokens.ts'
import { AppError } from '../src/errors.ts'
import { createKeyGuard } from '../src/http/key-guard.ts'
import { createServer } from '../src/http/server.ts'
import { createMeters } from '../src/metrics/meters.ts'
import type { TokenRight } from '../src/model.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { Storage } from '../src/storage/storage.ts'
import { refused } from './helpers/client.ts'

const API_TOKEN = 'a-token-of-enough-characters'
const RIGHTS = ['read', 'publish', 'manage'] as const

async function openStorage(t: TestContext): Promise<Storage> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-guard-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const storage = await openSqlite({ dataDir, secretKey: '' })
  t.after(() => storage.close())
  return storage
}

/** Tokens whose look-ups are counted. */
async function countedTokens(t: TestContext) {
  const storage = await openStorage(t)
  const seen = { reads: 0, uses: 0 }
  /** What was read is on its way until then. */
  const late: { until?: Promise<void> } = {}
  const counted: Storage = {
    ...storage,
    tokens: {
      ...storage.tokens,
      async findByHash(hash) {
        seen.reads++
        const found = await storage.tokens.findByHash(hash)
        await late.until
        return found
      },
      used(...of) {
        seen.uses++
        return storage.tokens.used(...of)
      },
    },
  }
  const tokens = createTokens({
    storage: counted,
    config: loadConfig({}),
    now: Date.now,
    onError(error) {
      throw error
    },
  })
  const make = async (rights: readonly TokenRight[], tenant = 't') =>
    (await tokens.add({ tenant, rights, description: '' })).text
  return { storage, tokens, make, seen, late }
}

async function serve(t: TestContext, apiToken: string) {
  const { storage, tokens, make } = await countedTokens(t)
  const executables = {
    cached: () => undefined,
    async find(id: number) {
      const found = await storage.executables.get(id)
      if (found === undefined) throw new AppError('NOT_FOUND')
      return found
    },
  }
  const keyGuard = createKeyGuard(apiToken, executables, tokens)
  const meters = createMeters()
  const server = await createServer(
    {
      logger: pino({ level: 'silent' }),
      keyGuard,
      budget: createByteBudget(1_000_000),
      answers: { row: (method, route) => meters.route(method, route) },
      tls: undefined,
      localOnly: false,
      corsOrigins: [],
      trustProxy: false,
      version: '0.0.0',
    },
    (app) => {
      for (const access of [...RIGHTS, 'scoped'] as const) {
        app.get(`/${access}`, { config: { access } }, (request) => ({
          tenant: keyGuard.tokenOf(request)?.tenant ?? null,
        }))
      }
    },
  )
  await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  const { port } = server.server.address() as AddressInfo
  const ask = (route: string, key?: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/${route}`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    })
  const tenantOf = async (route: string, key?: string): Promise<unknown> => {
    const response = await ask(route, key)
    assert.equal(response.status, 200)
    return ((await response.json()) as { tenant: unknown }).tenant
  }
  return { ask, tenantOf, make }
}

/** What each token opens besides `scoped`. */
const OPENED: readonly (readonly [readonly TokenRight[], readonly TokenRight[]])[] = [
  [['read'], ['read']],
  [['publish'], ['publish']],
  [
    ['read', 'publish'],
    ['read', 'publish'],
  ],
  [['manage'], ['read', 'publish', 'manage']],
]

for (const [rights, opened] of OPENED) {
  test(`a token to ${rights.join(' and ')} opens routes to ${opened.join(', ')}, as its tenant`, async (t) => {
    const { ask, tenantOf, make } = await serve(t, API_TOKEN)
    const token = await make(rights, 'acme')
    assert.equal(await tenantOf('scoped', token), 'acme')
    for (const right of RIGHTS) {
      if (opened.includes(right)) assert.equal(await tenantOf(right, token), 'acme')
      else {
        const answer = await refused(await ask(right, token), 403, 'MISSING_RIGHT')
        assert.equal(answer.right, right)
      }
    }
  })
}

test("tenants' routes are the operator's too, of no tenant, and nobody else's", async (t) => {
  const { ask, tenantOf } = await serve(t, API_TOKEN)
  for (const route of [...RIGHTS, 'scoped']) {
    assert.equal(await tenantOf(route, API_TOKEN), null)
    await refused(await ask(route), 401, 'MISSING_KEY')
    await refused(await ask(route, 'wrong'), 403, 'WRONG_KEY')
    await refused(await ask(route, `wht_${'A'.repeat(43)}`), 403, 'WRONG_KEY')
  }
})

test('without API_TOKEN a token still opens only what it has the right to', async (t) => {
  const { ask, tenantOf, make } = await serve(t, '')
  const token = await make(['read'], 'acme')
  assert.equal(await tenantOf('manage'), null)
  assert.equal(await tenantOf('read', token), 'acme')
  await refused(await ask('manage', token), 403, 'MISSING_RIGHT')
})

test('an API_TOKEN that looks like a token is the operator all the same', async (t) => {
  const { tenantOf } = await serve(t, `wht_${'B'.repeat(43)}`)
  assert.equal(await tenantOf('manage', `wht_${'B'.repeat(43)}`), null)
})

test('a token is read once and its use noted once, however often it is sent', async (t) => {
  const { tokens, make, seen } = await countedTokens(t)
  const token = await make(['read'])
  for (let n = 0; n < 100; n++) await tokens.authenticate(token)
  assert.deepEqual(seen, { reads: 1, uses: 1 })
})

test('what is no token is looked up once, and pushes out no token', async (t) => {
  const { tokens, make, seen } = await countedTokens(t)
  const token = await make(['read'])
  await tokens.authenticate(token)
  const unknown = () => `wht_${randomBytes(32).toString('base64url')}`
  const wrong = (text: string) => assert.rejects(tokens.authenticate(text), { code: 'WRONG_KEY' })
  const one = unknown()
  for (let n = 0; n < 10; n++) await wrong(one)
  assert.equal(seen.reads, 2)
  for (const text of ['', 'wht_', API_TOKEN, `${one}=`]) await wrong(text)
  assert.equal(seen.reads, 2)
  for (let n = 0; n < 1_000; n++) await wrong(unknown())
  assert.equal(seen.reads, 1_002)
  await tokens.authenticate(token)
  assert.equal(seen.reads, 1_002)
  // The first of them went as the last came: what is remembered of strangers is bounded.
  await wrong(one)
  assert.equal(seen.reads, 1_003)
})

test('what was read of a token before its revocation is not remembered after it', async (t) => {
  const { storage, tokens, make, seen, late } = await countedTokens(t)
  const token = await make(['read'])
  const { items } = await storage.tokens.list({}, { limit: 1 })
  let arrive = () => {}
  late.until = new Promise((resolve) => (arrive = resolve))
  const early = tokens.authenticate(token)
  // Reads of SQLite come in their order: by now it has the row of before.
  await storage.tokens.findByHash('')
  await tokens.revoke(items[0]!.id)
  arrive()
  // It came before the revocation.
  assert.equal((await early).tenant, 't')
  await assert.rejects(tokens.authenticate(token), { code: 'WRONG_KEY' })
  assert.equal(seen.reads, 2)
})
