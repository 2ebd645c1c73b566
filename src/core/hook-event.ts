// What is read of an event that came to a source: the sender's own id of it, and what tells it from others.
import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'
import type { PublishAs, RequestPlace, Source } from '../model.ts'
import { valueAt } from '../payload-filter.ts'
import { CLOUD_EVENT_TYPE } from './conversion/convert.ts'
import type { ConvertedBody } from './conversion/convert.ts'
import { toEventId } from './source-verification/event-id.ts'

/** What is kept of a request besides its body: what the function may see of it, and what a replay needs. */
export interface Seen {
  headers: Readonly<Record<string, string>>
  query: Readonly<Record<string, string | string[]>>
  hops: number
  /** Of the scheme. */
  ownId: string | null
  signed: string | null
}

/** The sender's own id of an event, of whatever length: where the owner says, or where the scheme or CloudEvents have it. */
export function idOf(
  { eventId }: Source,
  { seen, document }: { seen: Seen; document: ConvertedBody },
): string | null {
  if (eventId !== null) {
    const value = valueOf(eventId, { seen, document })
    return typeof value === 'string' && value !== '' ? value : toEventId(value)
  }
  const { ownId } = seen
  if (ownId !== null || document.contentType !== CLOUD_EVENT_TYPE) return ownId
  const { source, id } = JSON.parse(document.bytes.toString()) as { source: string; id: string }
  // Only both together are one event's.
  return `${source} ${id}`
}

/** Attributes of an event that came as headers are there once. @throws AppError INVALID_DOCUMENT */
export function checkOnce(repeated: readonly string[]): void {
  const field = repeated.find((name) => name.startsWith('ce-'))
  if (field === undefined) return
  throw new AppError('INVALID_DOCUMENT', `${field} is there more than once.`, { detail: { field } })
}

/** The event type that it is published as; none that a tenant could have where the request does not tell. */
export function typeOf(publish: PublishAs, of: { seen: Seen; document: ConvertedBody }): string {
  if ('type' in publish) return publish.type
  return publish.prefix + (toEventId(valueOf(publish.typeFrom, of)) ?? '')
}

/** What is at a place of a request; undefined where there is nothing. */
function valueOf(
  { in: where, name }: RequestPlace,
  { seen, document }: { seen: Seen; document: ConvertedBody },
): unknown {
  if (where !== 'json') return seen[where === 'header' ? 'headers' : 'query'][name]
  try {
    return valueAt(JSON.parse(document.bytes.toString()), name)
  } catch {
    return undefined
  }
}

/** What tells an event from others: its sender's id, and what was signed, which is not to be sent twice under two ids. */
export function keysOf(id: string | null, signed: string | null): string[] {
  const ids = id === null ? [] : [`id:${createHash('sha256').update(id).digest('hex')}`]
  return signed === null ? ids : [...ids, `signed:${signed}`]
}
