// A process that writes until it is killed: it prints each run's id once its save has resolved.
// Arguments: the data folder.
import { openSqlite } from '../../src/storage/sqlite.ts'
import { newExecutable, newRun } from '../storage-suite.ts'

const WRITERS = 16

const [dataDir] = process.argv.slice(2)
if (dataDir === undefined) throw new Error('usage: storage-child.ts <data folder>')
const storage = await openSqlite({ dataDir, secretKey: '' })
const { id } = await storage.executables.create(newExecutable())

async function writeForever(): Promise<never> {
  for (;;) {
    const run = newRun(id, { log: 'x'.repeat(1_000) })
    await storage.runs.save([run])
    process.stdout.write(`${run.id}\n`)
  }
}
await Promise.all(Array.from({ length: WRITERS }, writeForever))
