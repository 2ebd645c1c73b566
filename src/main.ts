#!/usr/bin/env node
// The process: configuration from environment and flags, logging, signals. The only file that says `process.`
import cluster from 'node:cluster'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { startApp } from './app.ts'
import { AppError } from './errors.ts'
import { ConfigError, loadConfig } from './config.ts'
import type { Config } from './config.ts'
import { startPrimary } from './primary.ts'
import { startWorkerProcess } from './worker-process.ts'

try {
  await (cluster.isWorker ? work() : main())
} catch (error) {
  // What an operator can mend is told in a sentence; a stack would hide it.
  const told = error instanceof ConfigError || error instanceof AppError || isListenError(error)
  console.error(told ? `wasmhook: ${error.message}` : error)
  process.exit(1)
}

async function main(): Promise<void> {
  const config = loadConfig(process.env, process.argv.slice(2))
  const logger = createLogger(config)
  const app = config.WORKERS === 1 ? await startApp({ config, logger }) : await lead()
  const { DATA_DIR: dataDir, WORKERS: workers } = config
  logger.info({ origin: app.origin, dataDir, workers }, `listening on ${app.origin}`)
  if (config.API_TOKEN === '') {
    logger.warn('no API_TOKEN is set: only this machine is served')
  }
  const stop = stopper(app, logger)
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  function lead() {
    return startPrimary({
      config,
      logger,
      onHopeless(error) {
        logger.fatal({ err: error }, 'workers die before they listen; giving up')
        process.exit(1)
      },
    })
  }
}

/** One of several processes, which the primary began with the same arguments. */
async function work(): Promise<void> {
  let stop: (signal: string) => void = () => process.exit(0)
  // A terminal sends it to all processes; the primary says when to end.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', (signal) => stop(signal))
  let logger = pino({ level: 'silent' })
  const app = await startWorkerProcess({
    createLogger: (config) => (logger = createLogger(config)),
    onStop: () => stop('the primary'),
  })
  let stopping = false
  const end = stopper(app, logger)
  stop = (signal) => {
    // It may come from both sides.
    if (!stopping) end(signal)
    stopping = true
  }
}

function createLogger(config: Config): Logger {
  return pino({ level: config.LOG_LEVEL })
}

function stopper(app: { close(): Promise<void> }, logger: Logger): (signal: string) => void {
  let stopping = false
  return (signal) => {
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
}

function isListenError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
