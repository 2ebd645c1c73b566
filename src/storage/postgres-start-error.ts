// What keeps the database from being opened, as a sentence for the operator that names no secret.
import { AppError } from '../errors.ts'

/** Codes of the system and of PostgreSQL. */
const REASONS: readonly [codes: RegExp, sentence: (where: Where) => string][] = [
  [
    /^(ECONN|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_|EPIPE|57P0)/,
    ({ server }) => `no database answers at ${server}; start it, or correct the address.`,
  ],
  [/^28/, ({ server }) => `${server} refuses the user or the password.`],
  [/^3D000/, ({ server, name }) => `${server} has no database ${name}; create it first.`],
  [
    /^42501/,
    ({ name }) => `the user may not create tables in the database ${name}; grant it CREATE.`,
  ],
  [/^53300/, ({ server }) => `${server} has no connection left; raise its max_connections.`],
  [/^53[12]00/, ({ server }) => `the disk or memory of ${server} is full; free some.`],
  [/^25006/, ({ server }) => `${server} may not be written to; name the primary server.`],
]

interface Where {
  server: string
  name: string
}

/** Other errors stay as they are. */
export function toStartError(error: unknown, url: string): unknown {
  const { code, message } = rootOf(error)
  const timedOut = /timeout|timed out|terminated/i.test(message) ? 'ETIMEDOUT' : undefined
  const known = code ?? timedOut
  if (known === undefined) return error
  const reason = REASONS.find(([codes]) => codes.test(known))
  if (reason === undefined) return error
  return new AppError('CONFLICT', `DATABASE_URL (${known}): ${reason[1](whereOf(url))}`, {
    cause: error,
  })
}

function rootOf(error: unknown): { code: string | undefined; message: string } {
  if (error instanceof AppError && error.code !== 'INTERNAL')
    return { code: undefined, message: '' }
  if (!(error instanceof Error)) return { code: undefined, message: '' }
  if (error.cause instanceof Error) return rootOf(error.cause)
  return { code: 'code' in error ? String(error.code) : undefined, message: error.message }
}

function whereOf(url: string): Where {
  const { hostname, port, pathname } = new URL(url)
  return {
    server: `${hostname === '' ? 'localhost' : hostname}:${port === '' ? '5432' : port}`,
    name: decodeURIComponent(pathname.slice(1)),
  }
}
