// The PostgreSQL server of one test file: started at the first need, ended with the file.
import { after } from 'node:test'
import type { Scope } from './build-app.ts'
import { ask, launchPostgres } from './postgres-server.ts'
import type { PostgresServer } from './postgres-server.ts'

export { ask, cutConnections } from './postgres-server.ts'

export const SECRET_KEY = 'a secret key of at least 32 characters'

let server: Promise<PostgresServer> | undefined
after(async () => (await server)?.remove())

/** The file's server. */
export function postgresServer(): Promise<PostgresServer> {
  return (server ??= launchPostgres())
}

/** The URL of a new, empty database, which goes when the test has ended. */
export async function emptyDatabase(scope: Scope): Promise<string> {
  const own = await postgresServer()
  const name = `test_${process.pid}_${++databases}`
  await ask(own.url('postgres'), `create database ${name}`)
  scope.after(() => ask(own.url('postgres'), `drop database if exists ${name} with (force)`))
  return own.url(name)
}

let databases = 0
