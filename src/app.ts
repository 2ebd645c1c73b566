// The composition root: builds storage, sandbox, outbound and core, and registers each route by name.
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { createBackground } from './background.ts'
import { CONSOLE_FOLDER, registerForConsole } from './console.ts'
import { ConfigError } from './config.ts'
import type { Config } from './config.ts'
import { createByteBudget } from './core/byte-budget.ts'
import { createDurableRuns } from './core/durable-runs.ts'
import { createExecutables } from './core/executables.ts'
import { createForwarder } from './core/forwarder.ts'
import { createFunctionCalls } from './core/function-calls.ts'
import type { CallFunction } from './core/function-calls.ts'
import { createFunctionStorage } from './core/function-storage.ts'
import { createInputs } from './core/inputs.ts'
import { createInterrupts } from './core/interrupts.ts'
import { createLimits } from './core/limits.ts'
import { createLiveRuns } from './core/live-runs.ts'
import type { LiveRuns, LiveSiblings } from './core/live-runs.ts'
import { createRunControl } from './core/run-control.ts'
import { createRunJournal } from './core/run-journal.ts'
import { createRunWaits } from './core/run-waits.ts'
import { createRunWorker } from './core/run-worker.ts'
import { createRunner } from './core/runner.ts'
import { createSigning } from './core/signing.ts'
import { createTargetCheck } from './core/target-check.ts'
import { createTokens } from './core/tokens.ts'
import { shareOf } from './core/share.ts'
import type { Share } from './core/share.ts'
import { spreadSandbox } from './core/spread-sandbox.ts'
import { PATIENCE, createTurns } from './core/turns.ts'
import type { Turns } from './core/turns.ts'
import { createEvents } from './events.ts'
import { createKeyGuard } from './http/key-guard.ts'
import { registerBins } from './http/routes/bins.ts'
import { registerDeliveries } from './http/routes/deliveries.ts'
import { registerEphemeralStorage } from './http/routes/ephemeral-storage.ts'
import { registerExecutables } from './http/routes/executables.ts'
import { registerFunctionStorage } from './http/routes/function-storage.ts'
import { registerHealth } from './http/routes/health.ts'
import { registerKeys } from './http/routes/keys.ts'
import { registerMetrics } from './http/routes/metrics.ts'
import { registerLimits } from './http/routes/limits.ts'
import { registerResendJobs } from './http/routes/resend-jobs.ts'
import { registerRun } from './http/routes/run.ts'
import { registerRuns } from './http/routes/runs.ts'
import { registerSettings } from './http/routes/settings.ts'
import { registerSigning } from './http/routes/signing.ts'
import { registerTokens } from './http/routes/tokens.ts'
import { registerVersions } from './http/routes/versions.ts'
import { createServer } from './http/server.ts'
import { createInbound } from './inbound.ts'
import { watchLoopDelay } from './metrics/loop-delay.ts'
import { createMeters } from './metrics/meters.ts'
import { createMetrics } from './metrics/metrics.ts'
import type { Readings } from './metrics/readings.ts'
import { openOutbound, originOn, ownOriginsOf } from './open-outbound.ts'
import { openStorage } from './open-storage.ts'
import type { OutboundOptions } from './outbound/outbound.ts'
import { createSandbox } from './sandbox/sandbox.ts'
import type { Storage } from './storage/storage.ts'
import { VERSION } from './version.ts'

export interface AppOptions {
  config: Config
  logger: FastifyBaseLogger
  /** Milliseconds since 1970, in place of the machine's or the database's clock; tests bring their own. */
  now?: () => number
  /** From 0 to 1: what spreads retries; tests bring their own. */
  chance?: () => number
  /** Resolves names in place of the system; for tests. */
  resolve?: OutboundOptions['resolve']
  /** Where the console was built; tests bring their own. */
  consoleFolder?: string
  /** Given where this is one of several processes on one port. */
  member?: Member
}

/** What one of several processes has of the others. */
export interface Member {
  share: Share
  /** None was there before it. */
  first: boolean
  turns: Turns
  /** The figures of all. */
  totals: () => Promise<Partial<Readings>>
  siblings: LiveSiblings
  /** The process that owns the database file, and does for all what goes on whoever asks; there may be none. */
  owner?: { storage: Storage; healthy: () => Promise<boolean> }
}

const ALONE: Share = { index: 0, of: 1 }

export interface RunningApp {
  /** The listening origin, as http://127.0.0.1:8080. */
  origin: string
  /** Lets calls under way end, for at most DRAIN_MS, then closes everything. */
  close(): Promise<void>
  /** The figures of this process alone. */
  readings(): Promise<Readings>
  /** For the process that sends what is delivered, where that has no sandbox. */
  callFunction: CallFunction
  /** What the other processes ask of those who watch, and tell them. */
  live: Pick<LiveRuns, 'tellSiblings' | 'heard'>
}

export async function startApp(options: AppOptions): Promise<RunningApp> {
  const { config, logger, chance = Math.random, resolve, member } = options
  const { consoleFolder = CONSOLE_FOLDER } = options
  const { share = ALONE, first = true, owner } = member ?? {}
  const tls = await readTls(config)
  let ownOrigins: readonly string[] = []
  /** The origin that others are told to call. */
  let calledAt = config.PUBLIC_URL === '' ? '' : new URL(config.PUBLIC_URL).origin
  const outbound = openOutbound(config, () => ownOrigins, resolve)
  const storage = owner?.storage ?? (await openStorage(options))
  const now = (): number => storage.now()
  const meters = createMeters()
  const threads = shareOf(config.SANDBOX_THREADS, share)
  const ownSandbox = await createSandbox({
    dataDir: config.DATA_DIR,
    threads,
    swap: { swapOff: config.SWAP_OFF },
    stackBytes: config.STACK_BYTES,
    memoryBytesMax: config.RUN_MEMORY_BYTES_MAX,
    tableElementsMax: config.TABLE_ELEMENTS_MAX,
    compileTimeoutMs: config.COMPILE_TIMEOUT_MS,
    compileMemoryBytes: config.COMPILE_MEMORY_BYTES,
    compileQueueLength: config.COMPILE_QUEUE_LENGTH,
    onCompiled: (ms, error) => meters.compilationEnded(ms, error),
    ...(member === undefined ? {} : { among: { first, inTurn: compileInTurn(member.turns) } }),
  }).catch(async (error: unknown) => {
    await storage.close()
    throw error
  })
  const sandbox = member === undefined ? ownSandbox : spreadSandbox(ownSandbox, member)
  const limits = createLimits(config)
  const bufferedBytes = shareOf(config.BUFFERED_BYTES, share)
  const budget = createByteBudget(bufferedBytes)
  const waits = createRunWaits({
    storage,
    onError: (err) => logger.error({ err }, 'runs that are waited for cannot be read'),
  })
  const live = createLiveRuns(member?.siblings)
  const journal = createRunJournal({
    storage,
    config,
    now,
    onEnded(record) {
      meters.runEnded(record)
      waits.told(record)
      live.told(record)
    },
    onError: (err) => logger.error({ err }, 'run records cannot be written'),
    onRecovered: (lost) => logger.info({ lost }, 'run records are written again'),
  })
  const interrupts = createInterrupts()
  const functionStorage = createFunctionStorage({
    storage,
    sandbox,
    ownersWaitMs: config.QUEUE_WAIT_MS,
    now,
  })
  const background = createBackground({
    storage,
    outbound,
    callFunction: (call) => callFunction(call),
    config,
    logger,
    now,
    chance,
  })
  const { deliveries, resendJobs, ephemeral, bins, idempotency } = background
  const checkTarget = createTargetCheck(outbound)
  const executables = createExecutables({
    storage,
    sandbox,
    turns: member?.turns ?? createTurns(),
    config,
    now,
    checkTarget,
    async onRemoved(id) {
      functionStorage.forget(id)
      await deliveries.cancelAll(id)
    },
  })
  const signing = createSigning({ storage, executables, config, now })
  const inputs = createInputs({ outbound, config })
  const forwarder = createForwarder({
    outbound,
    deliveries,
    secretsOf: (executable) => signing.aliveOfRun(executable),
    config,
    now,
  })
  const runner = createRunner({
    executables,
    inputs,
    sandbox,
    functionStorage,
    forwarder,
    deliveries,
    journal,
    interrupts,
    limits,
    checkTarget,
    jsonSearchBytes: config.JSON_SEARCH_BYTES,
    laterMsMax: config.DELIVER_LATER_MS_MAX,
    now,
  })
  const callFunction = createFunctionCalls({ executables, runner, budget, config })
  const runWorker = createRunWorker({
    storage,
    executables,
    runner,
    deliveries,
    journal,
    interrupts,
    budget,
    threads,
    config,
    now,
    chance,
    onDelivery: () => background.wake(),
    onKept: (id) => idempotency.trimSoon(id),
    onError: (err) => logger.error({ err }, 'queued runs cannot be read or written'),
  })
  const durableRuns = createDurableRuns({
    storage,
    journal,
    waits,
    idempotency,
    limits,
    checkTarget,
    config,
    now,
    worker: runWorker,
  })
  const events = createEvents({
    ...{ storage, outbound, background, executables, journal, callFunction, checkTarget },
    ...{ config, now },
  })
  const inbound = createInbound({
    ...{ storage, executables, durableRuns, messages: events.messages, config, now },
    onError: (err) => logger.error({ err }, 'histories of sources cannot be read or written'),
  })
  const runControl = createRunControl({ storage, journal, waits, interrupts, now })

  const metrics = createMetrics({
    version: VERSION,
    meters,
    sandbox: () => sandbox.stats(),
    buffered: () => ({ used: budget.used(), limit: bufferedBytes }),
    journal: () => ({ ...journal.stats(), healthy: journal.healthy() }),
    ...(member === undefined ? {} : { totals: member.totals }),
  })
  const tokens = createTokens({
    storage,
    config,
    now,
    onError: (err) => logger.error({ err }, 'the last use of a token could not be noted'),
  })
  const keyGuard = createKeyGuard(config.API_TOKEN, executables, tokens)
  const server = await createServer(
    {
      logger,
      keyGuard,
      budget,
      answers: { row: (method, route) => meters.route(method, route) },
      tls,
      localOnly: config.API_TOKEN === '',
      corsOrigins: corsOrigins(config),
      trustProxy: config.TRUST_PROXY,
      version: VERSION,
    },
    (app) => {
      registerExecutables(app, { executables, journal, keyGuard, limits, config })
      registerVersions(app, { executables })
      registerKeys(app, { executables })
      registerSettings(app, { executables, config })
      registerLimits(app, { executables, limits })
      registerSigning(app, { executables, endpoints: events.endpoints, signing })
      registerRun(app, { executables, runner, durableRuns, keyGuard, config })
      registerFunctionStorage(app, { executables, functionStorage })
      registerRuns(app, { executables, journal, runControl, deliveries, keyGuard })
      registerDeliveries(app, { deliveries, keyGuard })
      registerResendJobs(app, { resendJobs, endpoints: events.endpoints, keyGuard })
      registerTokens(app, { tokens, keyGuard })
      events.register(app, keyGuard)
      inbound.register(app, keyGuard, () => calledAt)
      registerBins(app, { bins, keyGuard, config, origin: () => calledAt })
      registerEphemeralStorage(app, { ephemeral, config })
      registerHealth(app, {
        ping: () => storage.ping(),
        async writes() {
          const others = await (owner ?? background).healthy()
          return others && journal.healthy() && runWorker.stats().healthy
        },
        sandboxStats: () => ({ ...sandbox.stats(), ...functionStorage.stats() }),
      })
      registerMetrics(app, metrics)
      registerForConsole(app, {
        ...{ storage, config, executables, journal, live, metrics, folder: consoleFolder },
      })
    },
  )

  const loopDelay = watchLoopDelay(meters.loopDelay)

  async function close(): Promise<void> {
    const endAt = performance.now() + config.DRAIN_MS
    const leftMs = (): number => Math.max(0, endAt - performance.now())
    // What waits in the database stays there. Its runs end first, while they can still call this server.
    const delivered = background.stop(leftMs())
    await runWorker.stop(leftMs() / 2)
    // Refuse new connections, let answers leave and runs end whose callers have left, and cut what
    // goes on after DRAIN_MS.
    let cut: NodeJS.Timeout | undefined
    const drained = new Promise<void>((resolve) => {
      cut = setTimeout(() => {
        server.server.closeAllConnections()
        resolve()
      }, leftMs())
    })
    await server.close()
    await Promise.race([journal.whenIdle(), drained])
    clearTimeout(cut)
    loopDelay.stop()
    await delivered
    await outbound.close()
    functionStorage.close()
    await sandbox.close()
    await inbound.stop()
    // Nothing is left that a run could wait for; what ended just now is still to be recorded.
    await journal.whenIdle()
    await journal.close()
    await storage.close()
  }

  try {
    if (first) await executables.forgetOrphans()
    // A call with a key is leased as it comes in: not to be taken for one that was left behind.
    await runWorker.takeOver()
    await server.listen({ host: config.HOST, port: config.PORT })
    const { port } = server.server.address() as AddressInfo
    ownOrigins = ownOriginsOf(config, port)
    const origin = originOn(config, config.HOST, port)
    if (calledAt === '') calledAt = origin
    // Only now, since a run may call this server.
    await runWorker.start()
    inbound.start()
    if (owner === undefined) await background.start()
    return {
      origin,
      close,
      readings: () => metrics.readings(),
      callFunction,
      live,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** One process compiles at a time. */
function compileInTurn(turns: Turns) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const end = await turns.take('compile', PATIENCE)
    try {
      return await work()
    } finally {
      end()
    }
  }
}

/** With a token every page may call (the keys protect); without one, none unless listed. */
function corsOrigins(config: Config): readonly string[] {
  if (config.CORS_ORIGINS.length > 0) return config.CORS_ORIGINS
  return config.API_TOKEN === '' ? [] : ['*']
}

async function readTls(config: Config): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (config.TLS_CERT_FILE === '') return undefined
  try {
    const [cert, key] = await Promise.all([
      readFile(config.TLS_CERT_FILE),
      readFile(config.TLS_KEY_FILE),
    ])
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (error) {
    const { message } = error as Error
    throw new ConfigError(`TLS_CERT_FILE and TLS_KEY_FILE cannot be used: ${message}`)
  }
}
