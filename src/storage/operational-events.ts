// What the server tells a tenant of its own endpoints and deliveries, as messages like any others. They go only to
// endpoints that name their type, are published in the transaction that causes them, and cause none themselves.
import type { Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { toEnvelope } from '../event-envelope.ts'
import { isOperational } from '../event-pattern.ts'
import type { OperationalType } from '../event-pattern.ts'
import type { AtCommit } from './database.ts'
import { receiversOf } from './message-deliveries.ts'
import { publishTo } from './messages.ts'
import type { Schema } from './schema.ts'

export interface OperationalEvent {
  tenant: string
  type: OperationalType
  /** Type of the event that it came of. */
  causedBy: string
  /** What it tells, as it is sent. */
  about: Readonly<Record<string, unknown>>
  nowMs: number
}

/** Nothing is stored where nobody listens. */
export async function publishOperational(
  db: Kysely<Schema>,
  at: AtCommit,
  { tenant, type, causedBy, about, nowMs }: OperationalEvent,
): Promise<void> {
  if (isOperational(causedBy)) return
  const receivers = await receiversOf(db, { tenant, type })
  if (receivers.length === 0) return
  const id = uuidv7({ msecs: nowMs })
  const payload = JSON.stringify({ id, createdAt: new Date(nowMs).toISOString(), ...about })
  const message = {
    ...{ id, tenant, type, callerId: null, deliverAtMs: null, createdAtMs: nowMs, dueAtMs: nowMs },
    typeRevision: null,
    fetch: null,
    warnings: [],
    fingerprint: '',
    hops: 1,
    hasTokenFields: true,
    body: toEnvelope(type, nowMs, payload),
    contentType: 'application/json',
  }
  await publishTo(db, at, message, receivers)
}
