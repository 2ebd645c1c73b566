// The configuration that scripts/schemathesis.ts runs schemathesis with, as TOML. Most values of a path, a tenant and
// a body are those of something real, so that calls get further than a 404; the rest is made up.
import { takes } from '../test/helpers/api-description.ts'
import type { Route } from '../test/helpers/api-description.ts'
import { exampleFor } from '../test/helpers/api-examples.ts'
import { EXCLUSIONS } from './schemathesis-exclusions.ts'

export interface SchemathesisRun {
  token: string
  tenant: string
  target: string
  operations: readonly { route: Route; path: Record<string, string> }[]
}

/** How often a real value is taken. */
const REAL = 0.8

/** What a query or a body may hold by these names, of whatever route. */
const KNOWN: Readonly<Record<string, string>> = {
  limit: '5',
  cursor: '01a21d96-0000-7000-8000-000000000000',
  encoding: 'utf8',
  filterBy: '["wasm_id"]',
  state: 'pending,failed',
  target: 'https://example.org:443',
  created_after: '2026-01-31T12:00:00Z',
  created_before: '2036-01-31T12:00:00Z',
  expires_at: '2036-01-31T12:00:00Z',
}

export async function toToml(run: SchemathesisRun): Promise<string> {
  const { token, operations } = run
  const head = ['continue-on-failure = true', `headers = { Authorization = "Bearer ${token}" }`]
  const dictionaries: string[] = []
  const tables: string[] = []
  for (const [n, { route, path }] of operations.entries()) {
    const real = { ...prefixed('path', path), ...(await givenTo(route, run)) }
    tables.push('', '[[operations]]', `include-name = ${text(route.name)}`)
    tables.push(...exclusionsOf(route), '[operations.parameters]')
    for (const [name, value] of Object.entries(real)) {
      const dictionary = `${n}-${name.replaceAll('.', '-')}`
      dictionaries.push('', `[dictionaries.${dictionary}]`, `values = [${text(value)}]`)
      tables.push(`${text(name)} = { dictionary = ${text(dictionary)}, probability = ${REAL} }`)
    }
  }
  return `${[...head, ...dictionaries, ...tables].join('\n')}\n`
}

/** What of the query and the body a route's example tells: its texts and numbers. */
async function givenTo(
  route: Route,
  { tenant, target }: SchemathesisRun,
): Promise<Record<string, string | number>> {
  const given = await exampleFor(route, { target })
  const body =
    given === undefined || typeof given.body === 'string' || Buffer.isBuffer(given.body)
      ? {}
      : given.body
  const plain = Object.entries(body).filter(
    (entry): entry is [string, string | number] =>
      typeof entry[1] === 'string' || typeof entry[1] === 'number',
  )
  const known = Object.entries({ ...KNOWN, tenant })
  const taken = (where: 'query' | 'body'): Record<string, string> =>
    Object.fromEntries(known.filter(([name]) => takes(route, where, name)))
  return {
    ...prefixed('query', taken('query')),
    ...prefixed('body', { ...taken('body'), ...Object.fromEntries(plain) }),
  }
}

function exclusionsOf({ name }: Route): string[] {
  return EXCLUSIONS.filter(({ routes }) => routes.test(name)).map(({ check, statuses }) =>
    statuses === undefined
      ? `checks.${check}.enabled = false`
      : `checks.${check}.expected-statuses = ${JSON.stringify(statuses)}`,
  )
}

function prefixed<T>(prefix: string, values: Record<string, T>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]),
  )
}

/** A JSON text or number is one of TOML too. */
const text = (value: string | number): string => JSON.stringify(value)
