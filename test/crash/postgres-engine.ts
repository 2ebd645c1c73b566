// Two processes on one PostgreSQL, which is restarted by the rules, ended as a crash ends it, and has its
// connections cut while they work.
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { cutConnections, launchPostgres } from '../helpers/postgres-server.ts'
import type { Chance } from './chance.ts'
import type { Engine } from './engine.ts'

const DISTURBANCES = { restart: 3, crash: 3, cut: 4 } as const
/** A server that comes up again takes a moment to take connections. */
const CONNECTS_WITHIN_MS = 20_000

/** Rows that refer to none, where a foreign key or the code should have kept them from it. */
const ORPHANS = {
  attempts: 'delivery_id not in (select id from deliveries)',
  delivery_payloads: 'delivery_id not in (select id from deliveries)',
  queued_inputs: 'run_id not in (select id from queued_runs)',
  queued_runs: 'id not in (select id from runs)',
}

export async function postgresEngine(folder: string): Promise<Engine> {
  const server = await launchPostgres()
  const url = server.url('postgres')

  async function rows<T>(statement: string): Promise<T[]> {
    const client = await connect(url)
    try {
      return (await client.query<T & pg.QueryResultRow>(statement)).rows
    } finally {
      await client.end()
    }
  }

  async function disturb(chance: Chance): Promise<string> {
    const what = chance.pick(DISTURBANCES)
    if (what === 'cut') {
      await cutConnections(url)
      return 'connections cut'
    }
    await server.stop(...(what === 'crash' ? (['crash'] as const) : []))
    await pause(chance.whole(0, 1_500))
    await server.start()
    return what === 'crash' ? 'crashed' : 'restarted'
  }

  return {
    name: 'PostgreSQL',
    processes: 2,
    env: (index) => ({
      DATA_DIR: path.join(folder, `data-${index}`),
      DATABASE_URL: url,
      SECRET_KEY: 'a secret key of at least 32 characters',
    }),
    rows,
    async check() {
      const wrong: string[] = []
      for (const [table, condition] of Object.entries(ORPHANS)) {
        const [row] = await rows<{ count: number }>(
          `select count(*) as count from ${table} where ${condition}`,
        )
        if (row!.count > 0) wrong.push(`${row!.count} rows of ${table} refer to none`)
      }
      return wrong
    },
    async bytes() {
      const [row] = await rows<{ bytes: number }>(
        'select pg_database_size(current_database()) as bytes',
      )
      return row!.bytes
    },
    disturbance: { afterKills: 10, make: disturb },
    close: () => server.remove(),
  }
}

/** Integers arrive as numbers, whatever their size. */
async function connect(connectionString: string): Promise<pg.Client> {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const until = Date.now() + CONNECTS_WITHIN_MS
  for (;;) {
    const client = new pg.Client({ connectionString, types, application_name: 'crash run' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch (error) {
      if (Date.now() > until) throw error
      await pause(50)
    }
  }
}
