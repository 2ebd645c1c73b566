// Deliveries that carry a message: their rows are those of any delivery, what they send is kept once with their
// message, and where they go and what they are signed with is read with their endpoint at each attempt.
import type { Insertable, Kysely } from 'kysely'
import type { RequestSpec, SigningSecret } from '../model.ts'
import { DELIVERY_COLUMNS } from './delivery-rows.ts'
import type { DeliveryRow } from './delivery-rows.ts'
import { readEndpointSecrets, specOfEndpoint } from './endpoint-rows.ts'
import { createRowWriter } from './row-writer.ts'
import type { DeliveriesTable, Schema } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { createStatementOfIds } from './statement.ts'

/** A delivery under lease, and what it sends, or why it cannot be sent. */
export interface LoadedDelivery {
  id: string
  row: DeliveryRow
  resendJobId: string | null
  sent:
    | { spec: RequestSpec; body: Buffer; signingSecrets: readonly SigningSecret[] }
    | 'executable_deleted'
    | 'endpoint_deleted'
    | 'unreadable'
}

export const insertEventDeliveries = createRowWriter<Insertable<DeliveriesTable>>((db, rows) =>
  db.insertInto('deliveries').values(rows).compile(),
)

const selectLeasedEvents = createStatementOfIds((db, ids) =>
  db
    .selectFrom('deliveries')
    .leftJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
    .select(DELIVERY_COLUMNS.map((column) => `deliveries.${column}` as const))
    .select(['resend_job_id', 'endpoints.id as endpoint', 'spec'])
    .where('deliveries.id', 'in', ids)
    .where('endpoint_id', 'is not', null),
)

export async function loadEvents(
  db: Kysely<Schema>,
  ids: readonly string[],
  secrets: Secrets,
): Promise<LoadedDelivery[]> {
  if (ids.length === 0) return []
  const { rows } = await selectLeasedEvents(db, ids)
  const bodies = await readBodies(db, new Set(rows.map((row) => row.run_id)))
  const endpoints = new Set(rows.flatMap(({ endpoint }) => (endpoint === null ? [] : [endpoint])))
  const secretsOf = await readEndpointSecrets(db, endpoints, secrets)
  return rows.map(({ endpoint, spec: sealed, resend_job_id: resendJobId, ...row }) => {
    const sent =
      endpoint === null || sealed === null
        ? 'endpoint_deleted'
        : readable(() => ({
            spec: specOfEndpoint(endpoint, sealed, secrets),
            body: bodies.get(row.run_id) ?? missing(),
            signingSecrets: secretsOf(endpoint),
          }))
    return { id: row.id, row, resendJobId, sent }
  })
}

/** Each once, however many deliveries send it. */
async function readBodies(
  db: Kysely<Schema>,
  messageIds: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Buffer>> {
  if (messageIds.size === 0) return new Map()
  const rows = await db
    .selectFrom('messages')
    .select(['id', 'body'])
    .where('id', 'in', [...messageIds])
    .execute()
  return new Map(rows.flatMap(({ id, body }) => (body === null ? [] : [[id, body] as const])))
}

function missing(): never {
  throw new Error('Its message is gone.')
}

export function readable<T>(read: () => T): T | 'unreadable' {
  try {
    return read()
  } catch {
    return 'unreadable'
  }
}
