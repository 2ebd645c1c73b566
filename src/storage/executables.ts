// Executables and their versions. State, variables and callback are sealed here and nowhere else.
import type { Kysely, Selectable, Updateable } from 'kysely'
import type {
  CallLimits,
  DeclaredTypes,
  Executable,
  ModuleInterface,
  SigningSecret,
  Version,
} from '../model.ts'
import type { Database } from './database.ts'
import { lockExecutable } from './executable-lock.ts'
import type { ExecutablesTable, Schema, VersionsTable } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import { readSigningSecrets } from './signing-secrets.ts'
import type { ExecutableChange, ExecutableStore, NewVersion } from './storage.ts'

const VERSION_COLUMNS = ['number', 'sha256', 'size_bytes', 'interface', 'created_at_ms'] as const
type VersionRow = Pick<Selectable<VersionsTable>, (typeof VERSION_COLUMNS)[number]>

export function createExecutableStore(deps: {
  database: Database
  secrets: Secrets
}): ExecutableStore {
  const { database, secrets } = deps
  const { reader } = database

  return {
    create: (input) =>
      database.write(async (db) => {
        const row = await db
          .insertInto('executables')
          .values({
            description: input.description,
            admin_key_hash: input.adminKeyHash,
            usage_key_hash: input.usageKeyHash,
            storage_key: input.storageKey,
            embedded_callback: 1,
            types: '{}',
            limits: '{}',
            reuse: 0,
            metered: 0,
            active_version: 1,
            newest_version: 1,
            created_at_ms: input.version.createdAtMs,
          })
          .returningAll()
          .executeTakeFirstOrThrow()
        return toExecutable(row, await insertVersion(db, row.id, 1, input.version), [], secrets)
      }),

    async get(id) {
      // One statement, so that a hot swap cannot fall between the executable and its version.
      const row = await reader
        .selectFrom('executables')
        .innerJoin('versions', (join) =>
          join
            .onRef('versions.executable_id', '=', 'executables.id')
            .onRef('versions.number', '=', 'executables.active_version'),
        )
        .selectAll('executables')
        .select([
          'versions.number',
          'versions.sha256',
          'versions.size_bytes',
          'versions.interface',
          'versions.created_at_ms as version_created_at_ms',
        ])
        .where('executables.id', '=', id)
        .executeTakeFirst()
      if (row === undefined) return undefined
      const version = toVersion({ ...row, created_at_ms: row.version_created_at_ms })
      const secretsOf = await readSigningSecrets(reader, [id], secrets)
      return toExecutable(row, version, secretsOf(id), secrets)
    },

    async listIds() {
      const rows = await reader.selectFrom('executables').select('id').orderBy('id').execute()
      return rows.map((row) => row.id)
    },

    update: (id, change) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id })
        const columns = toColumns(id, change, secrets)
        const row = await db
          .updateTable('executables')
          // Naming the id makes an empty change a statement too: it tells whether there is a row.
          .set({ id, ...columns })
          .where('id', '=', id)
          .executeTakeFirst()
        return row.numUpdatedRows > 0n
      }),

    addVersion: (id, version, keep) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id })
        const row = await db
          .updateTable('executables')
          .set((eb) => ({
            newest_version: eb('newest_version', '+', 1),
            active_version: eb('newest_version', '+', 1),
          }))
          .where('id', '=', id)
          .returning('newest_version')
          .executeTakeFirst()
        if (row === undefined) return undefined
        const added = await insertVersion(db, id, row.newest_version, version)
        await deleteOldVersions(db, id, keep)
        return added
      }),

    activateVersion: (id, number) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id })
        if (!(await lockExecutable(db, id))) return undefined
        const row = await selectVersions(db, id).where('number', '=', number).executeTakeFirst()
        if (row === undefined) return undefined
        await db
          .updateTable('executables')
          .set({ active_version: number })
          .where('id', '=', id)
          .execute()
        return toVersion(row)
      }),

    async listVersions(id) {
      const rows = await selectVersions(reader, id).orderBy('number', 'desc').execute()
      return rows.map(toVersion)
    },

    async readBinary(id, version) {
      const row = await reader
        .selectFrom('versions')
        .select('wasm')
        .where('executable_id', '=', id)
        .where('number', '=', version)
        .executeTakeFirst()
      return row?.wasm
    },

    async usesBinary(sha256) {
      const row = await reader
        .selectFrom('versions')
        .select('number')
        .where('sha256', '=', sha256)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    delete: (id) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'executable', id })
        const row = await db.deleteFrom('executables').where('id', '=', id).executeTakeFirst()
        return row.numDeletedRows > 0n
      }),
  }
}

async function insertVersion(
  db: Kysely<Schema>,
  executableId: number,
  number: number,
  version: NewVersion,
): Promise<Version> {
  const { wasm, ...kept } = version
  const sizeBytes = wasm.length
  await db
    .insertInto('versions')
    .values({
      executable_id: executableId,
      number,
      sha256: kept.sha256,
      size_bytes: sizeBytes,
      interface: JSON.stringify(kept.interface),
      created_at_ms: kept.createdAtMs,
      wasm,
    })
    .execute()
  return { number, sizeBytes, ...kept }
}

/** The version just added is active and the newest, so that the active one always stays. */
async function deleteOldVersions(db: Kysely<Schema>, id: number, keep: number): Promise<void> {
  const newestToGo = await db
    .selectFrom('versions')
    .select('number')
    .where('executable_id', '=', id)
    .orderBy('number', 'desc')
    .limit(1)
    .offset(Math.max(1, keep))
    .executeTakeFirst()
  if (newestToGo === undefined) return
  await db
    .deleteFrom('versions')
    .where('executable_id', '=', id)
    .where('number', '<=', newestToGo.number)
    .where('number', 'not in', neededByQueuedRuns(db, id))
    .execute()
}

/** A run is of the version that it was accepted for, however long it waits. */
function neededByQueuedRuns(db: Kysely<Schema>, id: number) {
  return db
    .selectFrom('queued_runs')
    .innerJoin('runs', 'runs.id', 'queued_runs.id')
    .select('runs.version')
    .where('queued_runs.executable_id', '=', id)
}

function selectVersions(db: Kysely<Schema>, id: number) {
  return db.selectFrom('versions').select(VERSION_COLUMNS).where('executable_id', '=', id)
}

function toVersion(row: VersionRow): Version {
  return {
    number: row.number,
    sha256: row.sha256,
    sizeBytes: row.size_bytes,
    interface: JSON.parse(row.interface) as ModuleInterface,
    createdAtMs: row.created_at_ms,
  }
}

function toExecutable(
  row: Selectable<ExecutablesTable>,
  version: Version,
  signingSecrets: readonly SigningSecret[],
  secrets: Secrets,
): Executable {
  const open = (column: 'state' | 'variables' | 'callback') => {
    const sealed = row[column]
    return sealed === null ? null : secrets.open(sealed, place(row.id, column))
  }
  return {
    id: row.id,
    description: row.description,
    adminKeyHash: row.admin_key_hash,
    usageKeyHash: row.usage_key_hash,
    storageKey: row.storage_key,
    state: open('state'),
    variables: JSON.parse(open('variables') ?? '{}') as Record<string, string>,
    callback: open('callback'),
    signingSecrets,
    embeddedCallback: row.embedded_callback === 1,
    types: JSON.parse(row.types) as Record<string, DeclaredTypes>,
    limits: JSON.parse(row.limits) as Partial<CallLimits>,
    reuse: row.reuse === 1,
    metered: row.metered === 1,
    version,
    createdAtMs: row.created_at_ms,
  }
}

function toColumns(
  id: number,
  change: ExecutableChange,
  secrets: Secrets,
): Updateable<ExecutablesTable> {
  const columns: Updateable<ExecutablesTable> = {}
  const seal = (column: 'state' | 'variables' | 'callback', secret: string | null) => {
    columns[column] = secret === null ? null : secrets.seal(secret, place(id, column))
  }
  if (change.description !== undefined) columns.description = change.description
  if (change.usageKeyHash !== undefined) columns.usage_key_hash = change.usageKeyHash
  if (change.state !== undefined) seal('state', change.state)
  if (change.variables !== undefined) seal('variables', JSON.stringify(change.variables))
  if (change.callback !== undefined) seal('callback', change.callback)
  if (change.embeddedCallback !== undefined) {
    columns.embedded_callback = change.embeddedCallback ? 1 : 0
  }
  if (change.types !== undefined) columns.types = JSON.stringify(change.types)
  if (change.limits !== undefined) columns.limits = JSON.stringify(change.limits)
  if (change.reuse !== undefined) columns.reuse = change.reuse ? 1 : 0
  if (change.metered !== undefined) columns.metered = change.metered ? 1 : 0
  return columns
}

function place(row: number, column: string): Place {
  return { table: 'executables', column, row }
}
