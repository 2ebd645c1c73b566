// Endpoints and their secrets as rows, and rows as what they are in the model. What is secret of them is sealed here
// and nowhere else.
import type { Kysely, Selectable } from 'kysely'
import { DEFAULT_SETTINGS } from '../endpoint-settings.ts'
import type {
  Endpoint,
  EndpointSettings,
  RequestSpec,
  RetryPolicy,
  SigningSecret,
} from '../model.ts'
import type { EndpointFields } from './event-stores.ts'
import type { EndpointsTable } from './events-schema.ts'
import { laneOf } from './lane-names.ts'
import type { Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { NewSigningSecret } from './storage.ts'

export function fieldsToRow(id: string, fields: EndpointFields, secrets: Secrets) {
  return {
    description: fields.description,
    event_types: JSON.stringify(fields.eventTypes),
    target: fields.target,
    lane: laneOf(id, fields),
    spec: secrets.seal(JSON.stringify(fields.spec), specPlace(id)),
    retry: JSON.stringify(fields.retry),
    settings: JSON.stringify(fields.settings),
    enabled: fields.enabled ? 1 : 0,
  }
}

export function secretToRow(
  endpointId: string,
  { id, hmacKey, privateKey, createdAtMs }: NewSigningSecret,
  secrets: Secrets,
) {
  return {
    id,
    endpoint_id: endpointId,
    secret: secrets.seal(hmacKey, secretPlace(id)),
    private_key: privateKey === null ? null : secrets.seal(privateKey, privateKeyPlace(id)),
    created_at_ms: createdAtMs,
    expires_at_ms: null,
  }
}

export function rowToEndpoint(
  row: Selectable<EndpointsTable>,
  own: readonly SigningSecret[],
  secrets: Secrets,
): Endpoint {
  return {
    id: row.id,
    tenant: row.tenant,
    description: row.description,
    eventTypes: patternsOf(row.event_types),
    spec: specOfEndpoint(row.id, row.spec, secrets),
    retry: JSON.parse(row.retry) as RetryPolicy,
    settings: settingsOf(row.settings),
    enabled: row.enabled === 1,
    disabled:
      row.disabled_reason === null
        ? null
        : { reason: row.disabled_reason, atMs: row.disabled_at_ms ?? row.updated_at_ms },
    failingSinceMs: row.failing_since_ms,
    secrets: own,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  }
}

export function patternsOf(json: string): readonly string[] {
  return JSON.parse(json) as readonly string[]
}

/** What is not said is as it was before it could be said. */
export function settingsOf(json: string): EndpointSettings {
  return { ...DEFAULT_SETTINGS, ...(JSON.parse(json) as Partial<EndpointSettings>) }
}

/** @throws AppError INTERNAL where it cannot be opened */
export function specOfEndpoint(id: string, sealed: Buffer, secrets: Secrets): RequestSpec | null {
  return JSON.parse(secrets.open(sealed, specPlace(id))) as RequestSpec | null
}

/** Secrets by endpoint, newest first, those included that have expired. @throws AppError INTERNAL */
export type EndpointSecretsOf = (endpointId: string) => SigningSecret[]

/** Reads those of several endpoints at once; one that cannot be opened harms only who asks for it. */
export async function readEndpointSecrets(
  db: Kysely<Schema>,
  endpointIds: ReadonlySet<string>,
  secrets: Secrets,
): Promise<EndpointSecretsOf> {
  if (endpointIds.size === 0) return () => []
  const rows = await db
    .selectFrom('endpoint_secrets')
    .selectAll()
    .where('endpoint_id', 'in', [...endpointIds])
    .orderBy('id', 'desc')
    .execute()
  const byEndpoint = new Map<string, typeof rows>()
  for (const row of rows) {
    const known = byEndpoint.get(row.endpoint_id)
    if (known === undefined) byEndpoint.set(row.endpoint_id, [row])
    else known.push(row)
  }
  return (id) =>
    (byEndpoint.get(id) ?? []).map((row) => ({
      id: row.id,
      hmacKey: secrets.openBytes(row.secret, secretPlace(row.id)),
      privateKey:
        row.private_key === null
          ? null
          : secrets.openBytes(row.private_key, privateKeyPlace(row.id)),
      createdAtMs: row.created_at_ms,
      expiresAtMs: row.expires_at_ms,
    }))
}

function specPlace(row: string): Place {
  return { table: 'endpoints', column: 'spec', row }
}

function privateKeyPlace(row: string): Place {
  return { table: 'endpoint_secrets', column: 'private_key', row }
}

function secretPlace(row: string): Place {
  return { table: 'endpoint_secrets', column: 'secret', row }
}
