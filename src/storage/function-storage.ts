// What functions keep, by executable and key. Values are sealed; keys are not, as they are looked for.
import type { CompiledQuery, Insertable, Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { Database } from './database.ts'
import { createRowWriter } from './row-writer.ts'
import type { FunctionStorageTable, Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { FunctionStore, StoredEntry } from './storage.ts'

export function createFunctionStore(deps: {
  database: Database
  secrets: Secrets
  /** The engine's: how processes take turns. */
  turn: FunctionStore['turn']
}): FunctionStore {
  const { database, secrets, turn } = deps
  const { reader } = database
  const upsert = createRowWriter(buildUpsert)

  async function versionOf(executableId: number): Promise<number> {
    const row = await reader
      .selectFrom('function_versions')
      .select('version')
      .where('executable_id', '=', executableId)
      .executeTakeFirst()
    return row?.version ?? 0
  }

  return {
    turn,
    version: versionOf,

    async load(executableId) {
      // First: where something is committed between, what was read is newer than it says, never older.
      const version = await versionOf(executableId)
      const rows = await of(reader, executableId).select(['key', 'value']).execute()
      const entries = rows.map(({ key, value }) => ({
        key,
        value: secrets.openBytes(value, place(executableId, key)),
      }))
      return { entries, version }
    },

    commit: (executableId, entries, { version, nowMs }) =>
      database.write(async (db) => {
        // Deleted while the call ran, it keeps nothing.
        const owner = await db
          .selectFrom('executables')
          .select('id')
          .where('id', '=', executableId)
          .executeTakeFirst()
        if (owner === undefined) {
          throw new AppError('NOT_FOUND', `There is no executable ${executableId} any more.`)
        }
        const next = await nextVersion(db, executableId, version)
        const rows = [...newestByKey(entries)].map(({ key, value }) => ({
          executable_id: executableId,
          key,
          value: secrets.seal(value, place(executableId, key)),
          size_bytes: key.length + value.length,
          updated_at_ms: nowMs,
        }))
        await upsert(db, rows)
        return next
      }),

    async list(executableId, { limit, after }) {
      let query = of(reader, executableId)
        .select(['key', 'size_bytes', 'updated_at_ms'])
        .orderBy('key')
        .limit(limit + 1)
      if (after !== undefined) query = query.where('key', '>', after)
      const rows = await query.execute()
      const { keys, bytes } = await of(reader, executableId)
        .select((eb) => [
          eb.fn.countAll<number>().as('keys'),
          eb.fn.coalesce(eb.fn.sum<number>('size_bytes'), eb.lit(0)).as('bytes'),
        ])
        .executeTakeFirstOrThrow()
      const items = rows.slice(0, limit).map((row) => ({
        key: row.key,
        sizeBytes: row.size_bytes,
        updatedAtMs: row.updated_at_ms,
      }))
      const next = rows.length > limit ? (items.at(-1)?.key ?? null) : null
      return { items, next, total: { keys, bytes } }
    },

    async get(executableId, key) {
      const row = await of(reader, executableId)
        .select('value')
        .where('key', '=', key)
        .executeTakeFirst()
      return row && secrets.openBytes(row.value, place(executableId, key))
    },

    delete: (executableId, key, version) =>
      database.write(async (db) => {
        const row = await db
          .deleteFrom('function_storage')
          .where('executable_id', '=', executableId)
          .where('key', '=', key)
          .executeTakeFirst()
        return row.numDeletedRows > 0n ? nextVersion(db, executableId, version) : undefined
      }),

    clear: (executableId) =>
      database.write(async (db) => {
        const next = await nextVersion(db, executableId)
        await db.deleteFrom('function_storage').where('executable_id', '=', executableId).execute()
        return next
      }),
  }
}

/** Counts a change, of what had that version where one is given. */
async function nextVersion(
  db: Kysely<Schema>,
  executableId: number,
  version?: number,
): Promise<number> {
  const row = await db
    .insertInto('function_versions')
    .values({ executable_id: executableId, version: 1 })
    .onConflict((conflict) => {
      const update = conflict
        .column('executable_id')
        .doUpdateSet((eb) => ({ version: eb('function_versions.version', '+', 1) }))
      return version === undefined
        ? update
        : update.where('function_versions.version', '=', version)
    })
    .returning('version')
    .executeTakeFirst()
  if (row !== undefined) return row.version
  throw new AppError('CONFLICT', 'What the function keeps was changed meanwhile; call again.')
}

/** One statement may not change a row twice; of two entries with one key the later counts. */
function newestByKey(entries: readonly StoredEntry[]): Iterable<StoredEntry> {
  return new Map(entries.map((entry) => [entry.key.toString('latin1'), entry])).values()
}

type Row = Insertable<FunctionStorageTable>

function buildUpsert(db: Kysely<Schema>, rows: Row[]): CompiledQuery {
  return db
    .insertInto('function_storage')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['executable_id', 'key']).doUpdateSet((eb) => ({
        value: eb.ref('excluded.value'),
        size_bytes: eb.ref('excluded.size_bytes'),
        updated_at_ms: eb.ref('excluded.updated_at_ms'),
      })),
    )
    .compile()
}

function of(db: Kysely<Schema>, executableId: number) {
  return db.selectFrom('function_storage').where('executable_id', '=', executableId)
}

function place(executableId: number, key: Buffer): Place {
  const row = `${executableId}/${key.toString('hex')}`
  return { table: 'function_storage', column: 'value', row }
}
