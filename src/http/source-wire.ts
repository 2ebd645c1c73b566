// What is said and shown of a source and of what it got: the bodies of its routes, and the model that they stand for.
import { isUtf8 } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Executables } from '../core/executables.ts'
import {
  KINDS,
  parseChallenge,
  showChallenge,
} from '../core/source-verification/challenge-fields.ts'
import {
  SCHEME_NAMES,
  parseVerification,
  showVerification,
} from '../core/source-verification/verification-fields.ts'
import type { SourceRequest } from '../core/sources.ts'
import type { PublishAs, RequestPlace, Source, SourceEvent, SourceTarget } from '../model.ts'
import { malformed } from '../object-members.ts'
import { FORMATS, PLACES, VERDICTS } from '../source-model.ts'
import type { KeyGuard } from './key-guard.ts'
import { NAMED_FUNCTION, readNamedFunction, showFunction } from './named-functions.ts'
import { OptionalTenant, nullable } from './schemas.ts'
import { toTime } from './times.ts'

const DESCRIPTION_CHARS_MAX = 1_000
/** A name of a header, or of a parameter; a path into a payload. */
const PLACE_CHARS_MAX = 256

const closed = { additionalProperties: false }
export const choice = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description })

const Place = {
  in: choice(PLACES, 'json: a path of names with dots between them'),
  name: Type.String({ minLength: 1, maxLength: PLACE_CHARS_MAX }),
}
const Verify = Type.Object(
  {
    scheme: choice(SCHEME_NAMES, 'How a sender is known (docs/verification.md)'),
    secrets: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Any of them will do; where none are given one is made, and shown once',
      }),
    ),
    username: Type.Optional(Type.String({ description: 'Of basic' })),
    in: Type.Optional(choice(PLACES, 'Of secret: where it is sent')),
    name: Type.Optional(Type.String({ description: 'Of secret: what it is called there' })),
    tolerance_ms: Type.Optional(
      Type.Integer({ description: 'How old what was signed with a time may be' }),
    ),
  },
  closed,
)
const Challenge = Type.Object(
  {
    kind: choice(KINDS, 'Whose question is answered'),
    verify_token: Type.Optional(Type.String({ description: 'Of meta' })),
    origins: Type.Optional(
      Type.Array(Type.String(), { description: 'Of cloudevents: who may send; * is any' }),
    ),
  },
  closed,
)
const Target = Type.Object(
  {
    ...NAMED_FUNCTION,
    answer: Type.Optional(
      choice(['result', 'accepted'], "What the sender gets: the function's answer, or 202 at once"),
    ),
  },
  { ...closed, description: 'Needs a key of that executable, or API_TOKEN, unless it is open' },
)
const Publish = Type.Object(
  {
    type: Type.Optional(Type.String({ description: "One of the tenant's event types" })),
    type_from: Type.Optional(Type.Object(Place, closed)),
    prefix: Type.Optional(
      Type.String({ description: 'Of type_from: what stands before what is read' }),
    ),
  },
  closed,
)
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])

const Optional = {
  description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
  enabled: Type.Optional(
    Type.Boolean({ description: 'false: it answers as if it were not there' }),
  ),
  challenge: Type.Optional(orNull(Challenge)),
  format: Type.Optional(
    choice(FORMATS, 'What is taken and made JSON (docs/conversion.md); auto: by Content-Type'),
  ),
  event_id: Type.Optional(orNull(Type.Object(Place, closed))),
  function: Type.Optional(orNull(Target)),
  publish: Type.Optional(orNull(Publish)),
}
export const NewBody = Type.Object({ tenant: OptionalTenant, verify: Verify, ...Optional }, closed)
export const ChangeBody = Type.Object({ verify: Type.Optional(Verify), ...Optional }, closed)

const Shown = {
  source_id: Type.String(),
  tenant: Type.String(),
  url: Type.String({ description: 'What senders call; whoever has it can try' }),
  description: Type.String(),
  enabled: Type.Boolean(),
  verify: Type.Object(Verify.properties, { description: 'Its secrets masked' }),
  challenge: nullable(Challenge),
  format: Type.String(),
  event_id: nullable(Type.Object(Place)),
  function: nullable(Type.Object(Target.properties)),
  publish: nullable(Type.Object(Publish.properties)),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  updated_at: Type.String(),
}
export const Shape = Type.Object(Shown, { additionalProperties: true })
export const WithSecret = Type.Object(
  {
    ...Shown,
    secret: Type.Optional(
      Type.String({ description: 'That was made, for the sender; shown once' }),
    ),
  },
  { additionalProperties: true },
)
export const Deleted = Type.Object({ source_id: Type.String() })
export const SourceParams = Type.Object({ id: Type.String({ description: 'source_id' }) })
export const EventParams = Type.Object({
  ...SourceParams.properties,
  event: Type.String({ description: 'event_id of its history' }),
})

const EventShown = {
  event_id: Type.String(),
  source_id: Type.String(),
  received_at: Type.String({ description: 'RFC 3339, UTC' }),
  verdict: Type.String({ description: VERDICTS.join(', ') }),
  reason: nullable(Type.String({ description: 'Of what was refused' })),
  reason_code: nullable(Type.String()),
  id: nullable(Type.String({ description: "The sender's own id" })),
  duplicate_of: nullable(Type.String()),
  replay_of: nullable(Type.String()),
  run_id: nullable(Type.String()),
  message_id: nullable(Type.String()),
  content_type: nullable(Type.String()),
  size_bytes: Type.Integer(),
}
export const EventShape = Type.Object(EventShown, { additionalProperties: true })
export const WholeEvent = Type.Object(
  {
    ...EventShown,
    body_kept: Type.Boolean({ description: 'It can be replayed' }),
    headers: Type.Unknown({ description: 'But for credentials; null where they are not kept' }),
    query: Type.Unknown(),
    body: nullable(Type.String({ description: 'Where it is text' })),
    body_base64: nullable(Type.String({ description: 'Where it is not' })),
  },
  { additionalProperties: true },
)

/** What the body says, and a secret that was made since it gave none. */
export async function toRequest(
  request: FastifyRequest,
  body: Static<typeof ChangeBody>,
  deps: { executables: Pick<Executables, 'find'>; keyGuard: KeyGuard },
): Promise<{ fields: SourceRequest; madeSecret: string | null }> {
  const { description, enabled, format } = body
  const verify = body.verify === undefined ? undefined : parseVerification(body.verify, 'verify')
  const fields: SourceRequest = {
    ...{ description, enabled, format },
    verification: verify?.verification,
    challenge:
      body.challenge === undefined || body.challenge === null
        ? body.challenge
        : parseChallenge(body.challenge, 'challenge'),
    eventId:
      body.event_id === undefined || body.event_id === null
        ? body.event_id
        : toPlace(body.event_id),
    target: body.function && (await toTarget(request, body.function, deps)),
    publish: body.publish && toPublish(body.publish),
  }
  return { fields, madeSecret: verify?.madeSecret ?? null }
}

async function toTarget(
  request: FastifyRequest,
  { wasm_id, name, answer = 'accepted' }: Static<typeof Target>,
  deps: { executables: Pick<Executables, 'find'>; keyGuard: KeyGuard },
): Promise<SourceTarget> {
  return { ...(await readNamedFunction(request, { wasm_id, name }, 'function', deps)), answer }
}

/** @throws AppError BAD_REQUEST */
function toPublish({ type, type_from: from, prefix = '' }: Static<typeof Publish>): PublishAs {
  if ((type === undefined) === (from === undefined)) {
    throw malformed('publish', 'needs either type or type_from')
  }
  if (from !== undefined) return { typeFrom: toPlace(from), prefix }
  if (prefix !== '') throw malformed('publish.prefix', 'goes with type_from')
  return { type: type ?? '' }
}

/** Names of headers are told apart by their letters alone. */
function toPlace({ in: where, name }: RequestPlace): RequestPlace {
  return { in: where, name: where === 'header' ? name.toLowerCase() : name }
}

/** @param origin at which this server is called */
export function toWire(source: Source, origin: string) {
  const { target, publish } = source
  return {
    source_id: source.id,
    tenant: source.tenant,
    url: `${origin}/hooks/${source.id}`,
    description: source.description,
    enabled: source.enabled,
    verify: showVerification(source.verification),
    challenge: source.challenge && showChallenge(source.challenge),
    format: source.format,
    event_id: source.eventId,
    function: target && { ...showFunction(target), answer: target.answer },
    publish:
      publish &&
      ('type' in publish ? publish : { type_from: publish.typeFrom, prefix: publish.prefix }),
    created_at: toTime(source.createdAtMs),
    updated_at: toTime(source.updatedAtMs),
  }
}

export function eventToWire(event: SourceEvent) {
  return {
    event_id: event.id,
    source_id: event.sourceId,
    received_at: toTime(event.receivedAtMs),
    verdict: event.verdict,
    reason: event.reason?.message ?? null,
    reason_code: event.reason?.code ?? null,
    id: event.eventId,
    duplicate_of: event.duplicateOf,
    replay_of: event.replayOf,
    run_id: event.runId,
    message_id: event.messageId,
    content_type: event.contentType,
    size_bytes: event.sizeBytes,
  }
}

/** @param kept JSON of what was kept of the request besides its body */
export function wholeEventToWire(event: SourceEvent, kept: string | null, body: Buffer | null) {
  const seen = kept === null ? null : (JSON.parse(kept) as { headers: unknown; query: unknown })
  const isText = body !== null && isUtf8(body)
  return {
    ...eventToWire(event),
    body_kept: body !== null,
    headers: seen?.headers ?? null,
    query: seen?.query ?? null,
    body: isText ? body.toString() : null,
    body_base64: isText ? null : (body?.toString('base64') ?? null),
  }
}
