// Runs what was accepted earlier. Its record and the delivery of its result are committed together.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { RunRecord } from '../model.ts'
import { DEFAULT_RETRY } from '../retry-policy.ts'
import type { LeasedRun, Storage } from '../storage/storage.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Deliveries } from './deliveries.ts'
import type { Executables } from './executables.ts'
import { HangUp } from './hang-up.ts'
import { sizeOfGiven } from './inputs.ts'
import type { Interrupts } from './interrupts.ts'
import type { RunJournal } from './run-journal.ts'
import type { Ran, RunRequest, Runner } from './runner.ts'
import { createWorker } from './worker.ts'
import type { Hands, Worker } from './worker.ts'

/** Before a run that found no room is tried again: twice as long each time, so that many cost little. */
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 60_000

export interface RunWorkerDeps {
  storage: Storage
  executables: Executables
  runner: Runner
  deliveries: Deliveries
  journal: RunJournal
  interrupts: Interrupts
  budget: ByteBudget
  config: Config
  now: () => number
  /** Told when there is a delivery to send. */
  onDelivery: () => void
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

/** What a run has for as long as it goes on. */
type Held = Pick<RunRequest, 'lease' | 'hangUp'>

export function createRunWorker(deps: RunWorkerDeps): Worker {
  const { storage, executables, runner, deliveries, journal, interrupts, budget } = deps
  const { config, now, onDelivery, onError } = deps
  // What waits in the database leaves a thread for those whose callers wait.
  const concurrency = Math.max(1, config.SANDBOX_THREADS - 1)
  const perLane = Math.max(1, Math.floor(config.SANDBOX_THREADS / 2))

  async function run(leased: LeasedRun, { cut, commit }: Hands): Promise<void> {
    const lease = budget.lease()
    const hangUp = new HangUp()
    interrupts.begin(leased.id, hangUp)
    if (leased.cancelRequested) hangUp.interrupt()
    try {
      const ran = await orCut(compute(leased, { lease, hangUp }), cut)
      // Cut off by our own end, it is run again.
      if (ran === undefined) return
      if (ran === 'later') {
        const pauseMs = Math.min(PAUSE_MS * 2 ** leased.putBack, PAUSE_MS_MAX)
        await commit(() => storage.queuedRuns.putBack(leased, now() + pauseMs, perLane))
        return
      }
      const delivery = deliveryOf(leased, ran)
      if (await commit(() => storage.queuedRuns.end(leased, ran.ended, delivery, perLane))) {
        journal.endSaved(ran.ended)
        if (delivery !== undefined) onDelivery()
      }
    } finally {
      interrupts.end(leased.id)
      journal.abandon(leased.id)
      lease.release()
    }
  }

  /** What came of the run; `later` where there is no room for it now. */
  async function compute(leased: LeasedRun, held: Held): Promise<Ran | 'later'> {
    try {
      const request = await toRequest(leased, held)
      return await runner.runQueued(request, { ...leased.record, status: 'running' })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.status === 503) return 'later'
      return { ended: failedRun(leased, error, now()), result: undefined, target: undefined }
    }
  }

  function deliveryOf({ id, record, hops }: LeasedRun, { result, target }: Ran) {
    if (target === undefined || result === undefined) return undefined
    return deliveries.scheduled({
      runId: id,
      executableId: record.executableId,
      spec: target.spec,
      retry: target.spec.retry ?? DEFAULT_RETRY,
      body: result.bytes,
      type: result.type,
      hops: hops + 1,
      signed: target.signed,
    })
  }

  async function toRequest(leased: LeasedRun, held: Held): Promise<RunRequest> {
    const { record, inputs, callback, text, hops, vouched } = leased
    const executable = await executables.pinned(record.executableId, record.version)
    held.lease.take(sizeOfGiven(inputs))
    const { id, functionName } = record
    return { id, executable, functionName, inputs, callback, text, hops, vouched, ...held }
  }

  return createWorker({
    storage,
    store: storage.queuedRuns,
    name: 'queued_runs',
    work: run,
    sizeOf: ({ inputs }) => sizeOfGiven(inputs),
    concurrency,
    perLane,
    leaseMs: config.DELIVERY_LEASE_MS,
    pollMs: config.DELIVERY_POLL_MS,
    now,
    onUnwanted: (id) => interrupts.interrupt(id),
    onError,
  })
}

/** The record of a run that could not even begin. */
function failedRun({ record }: LeasedRun, error: AppError, endedAtMs: number): RunRecord {
  const { code: errorCode, message: errorMessage } = error
  return { ...record, status: 'failed', errorCode, errorMessage, endedAtMs }
}

/** What the work comes to, or nothing at the abort. */
function orCut<T>(work: Promise<T>, cut: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined)
    if (cut.aborted) abort()
    cut.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => cut.removeEventListener('abort', abort))
  })
}
