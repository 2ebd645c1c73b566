// Event types as publishing needs them: read and parsed once, and remembered. What is remembered may be of a revision that
// has passed, here or in another process; the transaction that publishes tells, and then it is read anew.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { fillIn } from '../fetch-template.ts'
import type { OwnValues } from '../fetch-template.ts'
import type { EventType, RequestSpec } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { parseJsonSchema } from './json-schema/schema.ts'
import type { JsonSchema, Problem } from './json-schema/schema.ts'

/** Of all that is remembered: of a schema's and a fetch's text, and of what is parsed of it, which is some times as much. */
const REMEMBERED_CHARS = 8 * 1024 * 1024
/** What an entry takes besides. */
const ENTRY_CHARS = 256

interface KnownType {
  revision: string
  judge(payload: string, own: OwnValues): Omit<Judged, 'typeRevision'>
}

/** What a type makes of a payload. */
export interface Judged {
  /** Of the type; null: there is none. */
  typeRevision: string | null
  warnings: readonly string[]
  fetch: RequestSpec | null
}

export type KnownTypes = ReturnType<typeof createKnownTypes>

export function createKnownTypes({
  storage,
  config,
}: {
  storage: Pick<Storage, 'eventTypes'>
  config: Pick<Config, 'EVENT_SCHEMA_STEPS'>
}) {
  /** In the order of their last use. */
  const known = new Map<string, { type: KnownType; chars: number }>()
  let chars = 0

  function forget(tenant: string, name: string): void {
    const key = `${tenant}/${name}`
    chars -= known.get(key)?.chars ?? 0
    known.delete(key)
  }

  function remember(tenant: string, name: string, entry: { type: KnownType; chars: number }): void {
    forget(tenant, name)
    known.set(`${tenant}/${name}`, entry)
    chars += entry.chars
    for (const [key, oldest] of known) {
      if (chars <= REMEMBERED_CHARS) break
      known.delete(key)
      chars -= oldest.chars
    }
  }

  function recall(tenant: string, name: string): KnownType | undefined {
    const entry = known.get(`${tenant}/${name}`)
    if (entry !== undefined) remember(tenant, name, entry)
    return entry?.type
  }

  function learn(found: EventType): KnownType {
    const { tenant, name } = found
    const type = toKnown(found, config)
    remember(tenant, name, { type, chars: ENTRY_CHARS + sizeOf(found) })
    return type
  }

  return {
    forget,

    /**
     * What is taken holds only where the type is still of that revision when the message is stored; what is refused
     * was refused by the type as it is.
     * @throws AppError PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, FETCH_VALUE_REFUSED
     */
    async judge(
      { tenant, type: name, payload }: { tenant: string; type: string; payload: string },
      { id, createdAtMs }: { id: string; createdAtMs: number },
    ): Promise<Judged> {
      const own = {
        ...{ '@type': name, '@tenant': tenant, '@message_id': id },
        '@timestamp': new Date(createdAtMs).toISOString(),
      }
      const remembered = recall(tenant, name)
      let refusal: unknown
      if (remembered !== undefined) {
        try {
          return { ...remembered.judge(payload, own), typeRevision: remembered.revision }
        } catch (error) {
          refusal = error
        }
      }
      const found = await storage.eventTypes.get(tenant, name)
      if (found === undefined) return { typeRevision: null, warnings: [], fetch: null }
      if (found.revision === remembered?.revision) throw refusal
      const type = learn(found)
      return { ...type.judge(payload, own), typeRevision: type.revision }
    },
  }
}

/** @throws AppError SCHEMA_TOO_COMPLEX, PAYLOAD_MISMATCH with what is wrong, the first few */
export function checkAgainst(
  schema: JsonSchema,
  { value, field, steps }: { value: unknown; field: string; steps: number },
): void {
  const problems = schema.check(value, steps)
  if (problems === 'too_complex') {
    throw new AppError('SCHEMA_TOO_COMPLEX', undefined, { detail: { field, limit: steps } })
  }
  if (problems.length === 0) return
  throw new AppError(
    'PAYLOAD_MISMATCH',
    `The ${field} does not satisfy the schema: ${sentenceOf(problems[0] as Problem)}.`,
    { detail: { field, problems } },
  )
}

function toKnown(
  type: EventType,
  { EVENT_SCHEMA_STEPS: steps }: Pick<Config, 'EVENT_SCHEMA_STEPS'>,
): KnownType {
  const { revision, enforcement, fetch } = type
  const schema =
    type.schema === null || enforcement === 'off'
      ? undefined
      : parseJsonSchema(JSON.parse(type.schema))
  if (schema === undefined && fetch === null) {
    return { revision, judge: () => ({ warnings: [], fetch: null }) }
  }
  return {
    revision,
    judge(payload, own) {
      const value: unknown = JSON.parse(payload)
      let warnings: readonly string[] = []
      if (schema !== undefined && enforcement === 'reject') {
        checkAgainst(schema, { value, field: 'payload', steps })
      } else if (schema !== undefined) {
        const problems = schema.check(value, steps)
        warnings =
          problems === 'too_complex'
            ? ['The payload was not checked: it takes more than EVENT_SCHEMA_STEPS.']
            : problems.map((problem) => `${sentenceOf(problem)}.`)
      }
      return { warnings, fetch: fetch === null ? null : fillIn(fetch, value, own) }
    },
  }
}

function sizeOf({ schema, fetch }: EventType): number {
  return (schema?.length ?? 0) + (fetch === null ? 0 : JSON.stringify(fetch).length)
}

export function unknownType(type: string): AppError {
  const sentence = `The tenant has no event type ${JSON.stringify(type.slice(0, 128))}.`
  return new AppError('UNKNOWN_EVENT_TYPE', sentence, { detail: { field: 'type' } })
}

function sentenceOf({ path, message }: Problem): string {
  return `${path === '' ? 'it' : path} ${message}`
}
