// Writes the types of packages/client from what a server says of itself at /openapi.json.
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import openapiTs, { astToString } from 'openapi-typescript'
import type { OpenAPI3 } from 'openapi-typescript'
import { pino } from 'pino'
import { startApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { ERRORS } from '../src/errors.ts'

export const GENERATED = fileURLToPath(
  new URL('../packages/client/src/generated/api.ts', import.meta.url),
)

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/**
 * Names for what the document writes out wherever it occurs: what a route takes (`body`) or answers with a
 * status, or a place within that.
 */
const NAMED: Readonly<Record<string, string>> = {
  Failure: 'get /api/executables 4XX',
  Upload: 'post /api/executables 200',
  Run: 'get /api/runs/{id} 200',
  Attempt: 'get /api/deliveries/{id} 200 properties.attempts.items',
  Delivery: 'get /api/deliveries/{id} 200',
  ResendJob: 'get /api/resend-jobs/{id} 200',
  Token: 'get /api/tokens/{id} 200',
  NewToken: 'post /api/tokens body',
  EventType: 'get /api/event-types/{name} 200',
  NewEventType: 'post /api/event-types body',
  Endpoint: 'get /api/endpoints/{id} 200',
  NewEndpoint: 'post /api/endpoints body',
  EndpointChange: 'patch /api/endpoints/{id} body',
  EndpointStats: 'get /api/endpoints/{id}/stats 200',
  Message: 'get /api/messages 200 properties.items.items',
  MessageWithPayload: 'get /api/messages/{id} 200',
  NewMessage: 'post /api/messages body',
  Source: 'get /api/sources/{id} 200',
  NewSource: 'post /api/sources body',
  SourceChange: 'patch /api/sources/{id} body',
  SourceEvent: 'get /api/sources/{id}/events/{event} 200',
  System: 'get /api/system 200',
  Bin: 'get /api/bins/{id} 200',
  BinRequest: 'get /api/bins/{id}/requests 200 properties.items.items',
}

const text: Json = { type: 'string' }
const whole: Json = { type: 'integer' }
const bound: Json = { type: ['string', 'number'] }
const scalar: Json = { type: ['string', 'number', 'boolean', 'null'] }
const filter: Json = { $ref: '#/components/schemas/PayloadFilter' }
const filters: Json = { type: 'array', items: filter }

/** What the server reads by itself, so that the document does not say its shape; by the field that it stands in. */
const READ_BY_HAND: Readonly<Record<string, readonly [name: string, shape: Json]>> = {
  retry: [
    'RetryPolicy',
    {
      anyOf: [
        object({ interval_ms: whole, backoff: { type: 'number' }, retries: whole }, ['backoff']),
        object({ schedule_ms: { type: 'array', items: whole } }),
      ],
    },
  ],
  payload_filter: [
    'PayloadFilter',
    {
      anyOf: [
        object({ and: filters }),
        object({ or: filters }),
        object({ not: filter }),
        object({ path: text, equals: scalar }),
        object({ path: text, in: { type: 'array', items: scalar } }),
        object({ path: text, exists: { type: 'boolean' } }),
        ...['gt', 'gte', 'lt', 'lte'].map((comparison) =>
          object({ path: text, [comparison]: bound }),
        ),
      ],
    },
  ],
}

function object(properties: Record<string, Json>, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required }
}

export async function writeClientTypes(file = GENERATED): Promise<void> {
  const text = await clientTypes(await describedApi())
  await mkdir(path.dirname(file), { recursive: true })
  // Whole or not at all: a compiler may be reading it.
  const partial = `${file}.${process.pid}`
  await writeFile(partial, text)
  await rename(partial, file)
}

/** The document as a server with the defaults serves it. */
async function describedApi(): Promise<Json> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-types-'))
  const config = loadConfig({ PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'silent' })
  const app = await startApp({ config, logger: pino({ level: 'silent' }) })
  try {
    const response = await fetch(`${app.origin}/openapi.json`)
    return (await response.json()) as Json
  } finally {
    await app.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function clientTypes(document: Json): Promise<string> {
  const named = withNames(document) as unknown as OpenAPI3
  const nodes = await openapiTs(named, {
    silent: true,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
  })
  const codes = Object.keys(ERRORS).map((code) => `  | '${code}'\n`)
  return `// Written by scripts/client-types.ts; do not edit.
${astToString(nodes)}
/** The codes that the server of this version answers with. */
export type KnownErrorCode =
${codes.join('')}`
}

/** The document with each schema of NAMED in one place, and references where it occurs. */
function withNames(document: Json): Json {
  const nameOf = new Map<string, string>()
  const schemas: Record<string, Json> = {}
  const found = Object.entries(NAMED).map(
    ([name, place]) => [name, schemaAt(document, place)] as const,
  )
  for (const [name, schema] of found) nameOf.set(JSON.stringify(schema), name)
  for (const [name, schema] of found) schemas[name] = membersNamed(schema, nameOf)
  for (const [name, shape] of Object.values(READ_BY_HAND)) schemas[name] = shape
  const { components, ...rest } = asObject(document)
  return {
    ...asObject(named(rest, nameOf)),
    components: { ...asObject(components ?? {}), schemas },
  }
}

function named(value: Json, nameOf: ReadonlyMap<string, string>): Json {
  if (typeof value !== 'object' || value === null) return value
  const name = nameOf.get(JSON.stringify(value))
  return name === undefined ? membersNamed(value, nameOf) : { $ref: `#/components/schemas/${name}` }
}

function membersNamed(value: Json, nameOf: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((one) => named(one, nameOf))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
    // What an answer may gain later is nothing that a program can name; as a type it would hide misspelt members.
    .filter(([member, what]) => !(member === 'additionalProperties' && what === true))
    .map(([member, what]) => [member, readByHand(member, what) ?? named(what, nameOf)] as const)
  return Object.fromEntries(members)
}

function readByHand(field: string, schema: Json): Json | undefined {
  const [name] = READ_BY_HAND[field] ?? []
  if (name === undefined || Object.keys(asObject(schema)).join() !== 'description') return undefined
  return {
    ...asObject(schema),
    anyOf: [{ $ref: `#/components/schemas/${name}` }, { type: 'null' }],
  }
}

/** @throws Error where the document has nothing there */
function schemaAt(document: Json, place: string): Json {
  const [method = '', url = '', what = '', within] = place.split(' ')
  const where = what === 'body' ? ['requestBody'] : ['responses', what]
  const json = ['content', 'application/json', 'schema']
  const steps = ['paths', url, method, ...where, ...json, ...(within?.split('.') ?? [])]
  return steps.reduce((value, step) => {
    const next = asObject(value)[step]
    if (next === undefined) throw new Error(`/openapi.json has no ${step} for ${place}.`)
    return next
  }, document)
}

function asObject(value: Json): Record<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('/openapi.json is not as expected.')
  }
  return value
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeClientTypes()
