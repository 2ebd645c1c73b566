// Event types: what a tenant may publish, and of what form. A message of a type that is not there is refused, so that a
// slip of the pen is noticed where it is made.
import { randomUUID } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import {
  EVENT_TYPE_CHARS_MAX,
  EVENT_TYPE_WORDS_MAX,
  isEventTypeName,
  isOperational,
} from '../event-pattern.ts'
import { parseFetchTemplate } from '../fetch-template.ts'
import type { Enforcement, EventType, RequestSpec } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { parseJsonSchema } from './json-schema/schema.ts'
import { checkAgainst } from './known-types.ts'
import type { KnownTypes } from './known-types.ts'
import type { TargetCheck } from './target-check.ts'
import { checkTenant } from './tenants.ts'

/** What an owner says of an event type; what is absent stays as it is, or is the default. */
export interface EventTypeRequest {
  description?: string | undefined
  /** JSON, `null` to take it away; so with the others. */
  schema?: string | undefined
  example?: string | undefined
  /** A URL, or an object of HTTP options. */
  fetch?: string | undefined
  /** Default off. */
  enforcement?: Enforcement | undefined
}

export interface EventTypesDeps {
  storage: Storage
  knownTypes: KnownTypes
  checkTarget: TargetCheck
  config: Config
  now: () => number
}

export type EventTypes = ReturnType<typeof createEventTypes>

/** Brackets within each other, of a schema or an example. */
const NESTING_MAX = 200

export function createEventTypes(deps: EventTypesDeps) {
  const { storage, knownTypes, checkTarget, config, now } = deps

  async function find(tenant: string, name: string): Promise<EventType> {
    checkTenant(tenant)
    const type = await storage.eventTypes.get(tenant, name)
    if (type === undefined) throw missing()
    return type
  }

  /** @throws AppError INVALID_SPEC, ADDRESS_REFUSED, INVALID_SCHEMA, PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, BODY_TOO_LARGE, BAD_REQUEST */
  function changed(
    before: EventType,
    request: EventTypeRequest,
  ): { type: EventType; warnings: readonly string[] } {
    const schema = memberOf(before, request, 'schema')
    const example = memberOf(before, request, 'example')
    const kept = schema === null ? 'off' : before.enforcement
    const { description = before.description, enforcement = kept } = request
    if (schema === null && enforcement !== 'off') {
      throw new AppError('BAD_REQUEST', 'Without a schema there is nothing to enforce.', {
        detail: { field: 'enforcement' },
      })
    }
    const { fetch, warnings } = fetchOf(before, request)
    const fields = { description, schema, example, enforcement, fetch }
    const type = { ...before, ...fields, revision: randomUUID() }
    if (schema === null) return { type, warnings }
    const parsed = parseJsonSchema(JSON.parse(schema))
    if (example !== null) {
      const steps = config.EVENT_SCHEMA_STEPS
      checkAgainst(parsed, { value: JSON.parse(example), field: 'example', steps })
    }
    return { type, warnings: [...warnings, ...parsed.warnings] }
  }

  function fetchOf(
    { fetch }: EventType,
    { fetch: text }: EventTypeRequest,
  ): { fetch: RequestSpec | null; warnings: string[] } {
    if (text === undefined || text === 'null') {
      return { fetch: text === undefined ? fetch : null, warnings: [] }
    }
    const { template, warnings } = parseFetchTemplate(text)
    checkTarget(template)
    return { fetch: template, warnings }
  }

  function memberOf(
    before: EventType,
    request: EventTypeRequest,
    field: 'schema' | 'example',
  ): string | null {
    const text = request[field]
    if (text === undefined) return before[field]
    if (text === 'null') return null
    const limit = config.EVENT_SCHEMA_BYTES
    if (Buffer.byteLength(text) > limit) {
      const sentence = `The ${field} is larger than ${limit} bytes (EVENT_SCHEMA_BYTES).`
      throw new AppError('BODY_TOO_LARGE', sentence, { detail: { field, limit } })
    }
    if (nestingOf(text) > NESTING_MAX) {
      const sentence = `The ${field} is nested more than ${NESTING_MAX} deep.`
      throw new AppError('BAD_REQUEST', sentence, { detail: { field } })
    }
    return text
  }

  return {
    find,

    /**
     * @returns warnings besides
     * @throws AppError BAD_REQUEST, INVALID_SCHEMA, PAYLOAD_MISMATCH (the example), INVALID_SPEC, ADDRESS_REFUSED (the
     *   fetch); CONFLICT where it is there already, or the tenant has too many
     */
    async add(
      tenant: string,
      name: string,
      request: EventTypeRequest,
    ): Promise<{ type: EventType; warnings: readonly string[] }> {
      checkTenant(tenant)
      checkName(name)
      if (isOperational(name)) {
        const sentence = `${name} is the server's own event: endpoints name it, and nobody publishes it.`
        throw new AppError('BAD_REQUEST', sentence, { detail: { field: 'name' } })
      }
      const made = changed({ ...BLANK, tenant, name, createdAtMs: now() }, request)
      const limit = config.EVENT_TYPES_MAX
      const added = await storage.eventTypes.add(made.type, limit)
      if (added === 'added') return made
      if (added === 'exists') {
        throw new AppError('CONFLICT', `There is an event type ${name} already.`)
      }
      const sentence = `The tenant has ${limit} event types, which is the most (EVENT_TYPES_MAX).`
      throw new AppError('CONFLICT', sentence, { detail: { limit } })
    },

    /** What was published before stays as it was judged then. @throws as `add`; NOT_FOUND */
    async change(
      tenant: string,
      name: string,
      request: EventTypeRequest,
    ): Promise<{ type: EventType; warnings: readonly string[] }> {
      const before = await find(tenant, name)
      const made = changed(before, request)
      if (!(await storage.eventTypes.update(made.type, before.revision))) {
        await find(tenant, name)
        throw new AppError('CONFLICT', 'Somebody else has changed the event type just now.')
      }
      knownTypes.forget(tenant, name)
      return made
    },

    list(...of: Parameters<typeof storage.eventTypes.list>) {
      checkTenant(of[0])
      return storage.eventTypes.list(...of)
    },

    /** What was published stays, and is sent on. */
    async remove(tenant: string, name: string): Promise<void> {
      checkTenant(tenant)
      if (!(await storage.eventTypes.remove(tenant, name))) throw missing()
      knownTypes.forget(tenant, name)
    },
  }
}

const BLANK = {
  description: '',
  schema: null,
  example: null,
  enforcement: 'off',
  fetch: null,
  revision: '',
} as const

/** @param json valid JSON, whose brackets open and close */
function nestingOf(json: string): number {
  let depth = 0
  let deepest = 0
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth)
    else if (token === ']' || token === '}') depth--
  }
  return deepest
}

function checkName(name: string): void {
  if (isEventTypeName(name)) return
  throw new AppError(
    'BAD_REQUEST',
    'name must be words of letters, digits, _ and - with dots between them, as order.created, at most ' +
      `${EVENT_TYPE_WORDS_MAX} of them and ${EVENT_TYPE_CHARS_MAX} characters.`,
    { detail: { field: 'name' } },
  )
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'The tenant has no such event type.')
}
