#!/usr/bin/env node
// The process: configuration from environment and flags, logging, signals. The only file that says `process.`
import { pino } from 'pino'
import { startApp } from './app.ts'
import { AppError } from './errors.ts'
import { ConfigError, loadConfig } from './config.ts'

try {
  await main()
} catch (error) {
  // What an operator can mend is told in a sentence; a stack would hide it.
  const told = error instanceof ConfigError || error instanceof AppError || isListenError(error)
  console.error(told ? `wasmhook: ${error.message}` : error)
  process.exit(1)
}

async function main(): Promise<void> {
  const config = loadConfig(process.env, process.argv.slice(2))
  const logger = pino({ level: config.LOG_LEVEL })
  const app = await startApp({ config, logger })
  logger.info({ origin: app.origin, dataDir: config.DATA_DIR }, `listening on ${app.origin}`)
  if (config.API_TOKEN === '') {
    logger.warn('no API_TOKEN is set: only this machine is served')
  }
  let stopping = false
  const stop = (signal: string): void => {
    // A second signal ends it at once.
    if (stopping) process.exit(1)
    stopping = true
    logger.info({ signal }, 'stopping')
    void app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function isListenError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
