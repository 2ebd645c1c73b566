// What executables' callbacks are signed with: the secret in use and those that it replaced. Sealed here and
// nowhere else; read with their executable.
import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../errors.ts'
import type { SigningSecret } from '../model.ts'
import type { Database } from './database.ts'
import { lockExecutable } from './executable-lock.ts'
import type { Schema, SigningSecretsTable } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { SigningSecretStore } from './storage.ts'

export function createSigningSecretStore(deps: {
  database: Database
  secrets: Secrets
}): SigningSecretStore {
  const { database, secrets } = deps

  return {
    rotate: (executableId, made, { nowMs, previousUntilMs, previousMax }) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id: executableId })
        if (!(await lockExecutable(db, executableId))) {
          throw new AppError('NOT_FOUND', `There is no executable ${executableId}.`)
        }
        await db
          .updateTable('signing_secrets')
          .set({ expires_at_ms: previousUntilMs })
          .where('executable_id', '=', executableId)
          .where((eb) =>
            eb.or([eb('expires_at_ms', 'is', null), eb('expires_at_ms', '>', previousUntilMs)]),
          )
          .execute()
        await db
          .deleteFrom('signing_secrets')
          .where('executable_id', '=', executableId)
          .where('expires_at_ms', '<=', nowMs)
          .execute()
        const { alive } = await db
          .selectFrom('signing_secrets')
          .select((eb) => eb.fn.countAll<number>().as('alive'))
          .where('executable_id', '=', executableId)
          .executeTakeFirstOrThrow()
        if (alive > previousMax) throw tooManySecrets(previousMax)
        const { id, hmacKey, privateKey } = made
        await db
          .insertInto('signing_secrets')
          .values({
            id,
            executable_id: executableId,
            secret: secrets.seal(hmacKey, place(id, 'secret')),
            private_key:
              privateKey === null ? null : secrets.seal(privateKey, place(id, 'private_key')),
            created_at_ms: made.createdAtMs,
            expires_at_ms: null,
          })
          .execute()
      }),

    clear: (executableId) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id: executableId })
        await db.deleteFrom('signing_secrets').where('executable_id', '=', executableId).execute()
      }),
  }
}

/** Secrets by executable, newest first, those included that have expired. @throws AppError INTERNAL */
export type SigningSecretsOf = (executableId: number) => SigningSecret[]

/** Reads those of several executables at once; one that cannot be opened harms only who asks for it. */
export async function readSigningSecrets(
  db: Kysely<Schema>,
  executableIds: Iterable<number>,
  secrets: Secrets,
): Promise<SigningSecretsOf> {
  const ids = [...new Set(executableIds)]
  if (ids.length === 0) return () => []
  const rows = await db
    .selectFrom('signing_secrets')
    .selectAll()
    .where('executable_id', 'in', ids)
    .orderBy('id', 'desc')
    .execute()
  const opened = new Map<number, SigningSecret[]>()
  return (id) => {
    const known = opened.get(id)
    if (known !== undefined) return known
    const own = rows.filter((row) => row.executable_id === id).map((row) => open(row, secrets))
    opened.set(id, own)
    return own
  }
}

function open(row: Selectable<SigningSecretsTable>, secrets: Secrets): SigningSecret {
  const { id, secret, private_key: privateKey } = row
  return {
    id,
    hmacKey: secrets.openBytes(secret, place(id, 'secret')),
    privateKey:
      privateKey === null ? null : secrets.openBytes(privateKey, place(id, 'private_key')),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }
}

export function tooManySecrets(limit: number): AppError {
  return new AppError(
    'CONFLICT',
    `More than ${limit} replaced secrets would be alive; wait until one expires, or rotate with a ` +
      'shorter overlap_ms, which ends them earlier.',
    { detail: { limit } },
  )
}

function place(row: string, column: 'secret' | 'private_key'): Place {
  return { table: 'signing_secrets', column, row }
}
