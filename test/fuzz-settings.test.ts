// The configuration from any environment and flags, and cursors of lists: checked, or refused by name.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { before } from 'node:test'
import { ConfigError, isLoopback, loadConfig } from '../src/config.ts'
import type { Config } from '../src/config.ts'
import { FLAGS, LISTS, NUMBERS, TEXTS } from '../src/settings.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { fuzz } from './helpers/fuzz.ts'
import { guest } from './helpers/guests.ts'

const GROUPS = { ...TEXTS, ...LISTS, ...FLAGS, ...NUMBERS }
const NAMES = Object.keys(GROUPS) as (keyof Config)[]

const scope = suiteScope()
let app: TestApp
let one: Uploaded

before(async () => {
  app = await buildApp(scope)
  one = await upload(app, await guest('echo'))
})

const values = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.nat({ max: 100_000 }).map(String),
  fc.maxSafeNat().map(String),
  fc.constantFrom('', '1', '0', 'yes', 'off', '1_000', '1__0', '0x10', '1e3', ' 1', '-1', '½', '٣'),
  fc.constantFrom('https://a.example', 'https://a.example/', 'http://[::1]:80', 'a,b,,c', '*'),
  fc.constantFrom(
    '0.0.0.0',
    '::',
    'localhost',
    '127.1',
    'LOCALHOST',
    'silent',
    'a secret of 32 characters, or more',
  ),
)

const environments = fc.dictionary(fc.constantFrom(...NAMES), values, { maxKeys: 6 })
/** Numbers that are each within their range. */
const plausible = fc.record(
  Object.fromEntries(
    Object.entries(NUMBERS).map(([name, { range }]) => {
      const [min, max] = range ?? [0, 1000]
      return [name, fc.integer({ min, max: Math.min(max, 2 ** 31 - 1) }).map(String)]
    }),
  ),
  { requiredKeys: [] },
)

function load(
  env: Record<string, string | undefined>,
  args: readonly string[] = [],
): Config | undefined {
  try {
    return loadConfig(env, args)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.notEqual(error.message, '')
    return undefined
  }
}

/** The configuration as an environment that says it. */
function written(config: Config): Record<string, string> {
  return Object.fromEntries(
    NAMES.map((name) => {
      const value = config[name]
      if (typeof value === 'boolean') return [name, value ? '1' : '0']
      return [name, Array.isArray(value) ? value.join(',') : String(value)]
    }),
  )
}

function isSound(config: Config): void {
  assert.ok(Object.isFrozen(config))
  for (const [name, { range }] of Object.entries(NUMBERS)) {
    const value = config[name as keyof typeof NUMBERS]
    assert.ok(Number.isInteger(value), name)
    assert.ok(range === undefined || (value >= range[0] && value <= range[1]), name)
  }
  assert.ok(config.RUN_MEMORY_BYTES <= config.RUN_MEMORY_BYTES_MAX)
  assert.ok(config.API_TOKEN !== '' || isLoopback(config.HOST))
  assert.ok(config.API_TOKEN === '' || config.API_TOKEN.length >= 16)
}

fuzz({
  name: 'settings',
  cases: 200,
  claims: {
    'any environment is refused by name or gives a sound configuration': fc.property(
      fc.oneof(environments, plausible),
      (env) => {
        const config = load(env)
        if (config !== undefined) isSound(config)
      },
    ),
    'a configuration written down reads as itself': fc.property(
      fc.oneof(environments, plausible),
      (env) => {
        const config = load(env)
        if (config !== undefined) assert.deepEqual(load(written(config)), config)
      },
    ),
    'a flag says what the variable says, and wins': fc.property(
      fc.constantFrom(...NAMES),
      values,
      values,
      fc.boolean(),
      (name, value, other, joined) => {
        const flag = `--${name.toLowerCase().replaceAll('_', '-')}`
        const args = joined ? [`${flag}=${value}`] : [flag, value]
        assert.deepEqual(load({ [name]: other }, args), load({ [name]: value }))
      },
    ),
    'any flags are refused by name or read': fc.property(
      fc.array(
        fc.oneof(
          values,
          values.map((value) => `--${value}`),
          fc.constantFrom('--port', '--host'),
        ),
      ),
      (args) => {
        load({}, args)
      },
    ),
    'any cursor and any limit give a page or a refusal': fc.asyncProperty(
      fc.constantFrom('runs', 'versions'),
      fc.oneof(fc.string({ unit: 'binary' }), fc.uuid(), fc.nat().map(String), fc.constant('1e9')),
      fc.oneof(fc.nat({ max: 200 }).map(String), fc.string()),
      async (list, cursor, limit) => {
        const query = new URLSearchParams({ cursor, limit }).toString()
        const response = await app.request(`/api/executables/${one.id}/${list}?${query}`, {
          headers: { SSVM_Admin_Key: one.adminKey },
        })
        const body = (await response.json()) as { items?: unknown[]; code?: string }
        if (response.status === 200) assert.ok((body.items?.length ?? Infinity) <= Number(limit))
        else assert.deepEqual([response.status, body.code], [400, 'BAD_REQUEST'])
      },
    ),
  },
})
