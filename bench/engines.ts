// The databases that durable work is measured on.
import { fillPostgres, fillSqlite } from './fill.ts'
import type { History } from './fill.ts'
import { startPostgres } from './postgres.ts'
import type { Bench, Variant } from './workload.ts'
import type { Settings, Wasmhook } from './wasmhook.ts'

export interface Engine {
  name: 'SQLite' | 'PostgreSQL'
  /** The server on an empty database of its own. */
  wasmhook(settings?: Settings): Promise<Variant>
  /** Writes a history into the database of a server that is stopped; gives back the id half-way down. */
  fill(server: Wasmhook, history: History): Promise<string>
}

export async function startEngines(bench: Bench): Promise<Engine[]> {
  const sqlite: Engine = {
    name: 'SQLite',
    wasmhook: (settings) => bench.wasmhook(settings),
    fill: ({ dataDir }, history) => Promise.resolve(fillSqlite(dataDir, history)),
  }
  const server = bench.own(await startPostgres())
  const urls = new Map<string, string>()
  const postgres: Engine = {
    name: 'PostgreSQL',
    async wasmhook(settings) {
      const url = await server.database()
      const variant = await bench.wasmhook({
        DATABASE_URL: url,
        SECRET_KEY: 'a secret key of at least 32 characters',
        ...settings,
      })
      urls.set(variant.server.dataDir, url)
      return variant
    },
    fill: ({ dataDir }, history) => fillPostgres(urls.get(dataDir)!, history),
  }
  return [sqlite, postgres]
}
