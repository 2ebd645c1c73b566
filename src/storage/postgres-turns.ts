// Turns among processes, to change what functions keep: locks of PostgreSQL's own, which come in the order of
// asking and end with the connection that holds them. One that is lost while it is held lets another in; the
// versions of what is kept (function-storage.ts) then refuse what the first one writes.
import pg from 'pg'
import { AppError } from '../errors.ts'
import {
  clientConfig,
  keepGoing,
  sqlState,
  toAppError,
  withConnection,
} from './postgres-connection.ts'
import { ConnectionLost } from './postgres-connection.ts'
import type { FunctionStore } from './storage.ts'

/** Turns that one process holds or waits for at once; each takes a connection. */
const TURNS_MAX = 16
/** Sets the locks apart from others in the same database; the second half is the executable's id, of so many. */
const CLASS = 0x77686b
const IDS = 2 ** 31
const LOCK_NOT_AVAILABLE = '55P03'

export interface Turns {
  take: FunctionStore['turn']
  close(): Promise<void>
}

export function createTurns(url: string): Turns {
  const pool = new pg.Pool({ ...clientConfig(url, 'wasmhook turn'), max: TURNS_MAX })
  keepGoing(pool)

  async function hold(
    client: pg.PoolClient,
    lock: string,
    waitMs: number,
    ended: Promise<void>,
    begin: () => void,
  ): Promise<void> {
    await client.query(`set lock_timeout = ${waitMs}; select pg_advisory_lock(${lock})`)
    begin()
    await ended
    await client.query(`select pg_advisory_unlock(${lock})`)
  }

  return {
    take: (executableId, waitMs) =>
      new Promise((resolve, reject) => {
        const lock = `${CLASS}, ${executableId % IDS}`
        let end = (): void => undefined
        const ended = new Promise<void>((done) => (end = done))
        void withConnection(pool, (client) =>
          hold(client, lock, waitMs, ended, () => resolve(end)).catch((error: unknown) => {
            if (sqlState(error) === LOCK_NOT_AVAILABLE) throw waitedTooLong(waitMs)
            // Whatever holds the lock after an error, ends with the connection.
            throw new ConnectionLost('The turn is lost.', { cause: error })
          }),
        ).catch((error: unknown) => reject(toAppError(error)))
      }),
    close: () => pool.end(),
  }
}

function waitedTooLong(ms: number): AppError {
  return new AppError(
    'QUEUE_TIMEOUT',
    `The call waited ${ms} ms for its turn to write to the function's storage; call later.`,
    { detail: { queue_wait_ms: ms } },
  )
}
