// What settings must be together, beyond each one's own range.
import type { Config } from './config.ts'

/** A setting that stops the start, with a sentence for the operator. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** @throws ConfigError naming the settings that do not go together */
export function checkTogether(config: Config): void {
  if (config.API_TOKEN === '' && !isLoopback(config.HOST)) {
    throw new ConfigError(
      `HOST is ${config.HOST}: without API_TOKEN the server listens on loopback only. Set API_TOKEN.`,
    )
  }
  if (config.API_TOKEN !== '' && config.API_TOKEN.length < 16) {
    throw new ConfigError('API_TOKEN is too short to be a secret; use at least 16 characters.')
  }
  if (config.SECRET_KEY !== '' && config.SECRET_KEY.length < 32) {
    throw new ConfigError('SECRET_KEY is too short; use at least 32 characters.')
  }
  if ((config.TLS_CERT_FILE === '') !== (config.TLS_KEY_FILE === '')) {
    throw new ConfigError('TLS_CERT_FILE and TLS_KEY_FILE are needed together.')
  }
  if (config.DATABASE_URL !== '') checkDatabase(config)
  if (config.WORKERS > 1) checkShares(config)
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
  if (!levels.includes(config.LOG_LEVEL)) {
    throw new ConfigError(
      `LOG_LEVEL is ${config.LOG_LEVEL}; it must be one of ${levels.join(', ')}.`,
    )
  }
  checkOrigin('PUBLIC_URL', config.PUBLIC_URL)
  for (const origin of config.CORS_ORIGINS) if (origin !== '*') checkOrigin('CORS_ORIGINS', origin)
}

/** What it holds is secret, so that none of it is told. */
function checkDatabase(config: Config): void {
  const { DATABASE_URL: url } = config
  if (!URL.canParse(url) || !['postgres:', 'postgresql:'].includes(new URL(url).protocol)) {
    throw new ConfigError(
      'DATABASE_URL must be like postgres://user:password@host:5432/name, or empty for SQLite.',
    )
  }
  if (config.SECRET_KEY === '') {
    throw new ConfigError(
      'SECRET_KEY is needed with DATABASE_URL, the same for every server; use at least 32 characters.',
    )
  }
}

/** What is divided among processes has to be enough for each. */
function checkShares({ WORKERS, SANDBOX_THREADS, BUFFERED_BYTES, INPUT_BYTES }: Config): void {
  // One is kept for short calls. With one more, a long call would hold up all others of its executable there.
  const threads = 3 * WORKERS
  if (threads > SANDBOX_THREADS) {
    throw new ConfigError(
      `WORKERS is ${WORKERS}: SANDBOX_THREADS (${SANDBOX_THREADS}) must be at least ${threads}, three for each.`,
    )
  }
  if (BUFFERED_BYTES / WORKERS < INPUT_BYTES) {
    throw new ConfigError(
      `BUFFERED_BYTES (${BUFFERED_BYTES}), divided by WORKERS (${WORKERS}), is below INPUT_BYTES (${INPUT_BYTES}): no process could take such a call.`,
    )
  }
}

function checkOrigin(name: string, value: string): void {
  if (value === '') return
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (
    url === undefined ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.href !== `${url.origin}/`
  ) {
    throw new ConfigError(
      `${name} is ${JSON.stringify(value)}; it must be like https://example.org.`,
    )
  }
}

/** True for the names and addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^127(\.\d{1,3}){3}$/.test(name)
  )
}
