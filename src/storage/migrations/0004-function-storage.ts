// What functions keep by the original's storage imports. Modules uploaded before were told that
// nothing provides these imports; what is stored of them says otherwise from now on.
import type { Kysely, Migration } from 'kysely'
import type { ModuleInterface } from '../../model.ts'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

const PROVIDED_NOW =
  /\bssvm_native\.ssvm_storage_(createUUID|(begin|end)(Load|Store)Tx|(load|store)I(32|64))\b/

export function functionStorage({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('function_storage')
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('key', bytes, (column) => column.notNull())
        .addColumn('value', bytes, (column) => column.notNull())
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('updated_at_ms', integer, (column) => column.notNull())
        .addPrimaryKeyConstraint('function_storage_key', ['executable_id', 'key'])
        .modifyEnd(tableEnd)
        .execute()

      const versions = await db
        .selectFrom('versions')
        .select(['executable_id', 'number', 'interface'])
        .where('interface', 'like', '%ssvm_native.ssvm_storage%')
        .execute()
      for (const { executable_id: id, number, interface: json } of versions) {
        await db
          .updateTable('versions')
          .set({ interface: JSON.stringify(withStorage(JSON.parse(json) as ModuleInterface)) })
          .where('executable_id', '=', id)
          .where('number', '=', number)
          .execute()
      }
    },
  }
}

function withStorage(found: ModuleInterface): ModuleInterface {
  const isMissing = (text: string): boolean => !PROVIDED_NOW.test(text)
  return {
    ...found,
    uses_storage: true,
    missing_imports: found.missing_imports.filter(isMissing),
    warnings: found.warnings.filter(isMissing),
  }
}
