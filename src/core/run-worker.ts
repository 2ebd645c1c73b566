// Runs what is committed already: what was accepted earlier, and what its caller waits for under a key. Its
// record, the delivery of its result and the answer that is kept are committed together.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { RunAnswer, RunRecord } from '../model.ts'
import { DEFAULT_RETRY } from '../retry-policy.ts'
import type { LeasedRun, Storage } from '../storage/storage.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Deliveries } from './deliveries.ts'
import type { Executables } from './executables.ts'
import { HangUp } from './hang-up.ts'
import { sizeOfGiven } from './inputs.ts'
import { isKept } from './idempotency.ts'
import type { Interrupts } from './interrupts.ts'
import { orCut } from './or-cut.ts'
import type { RunJournal } from './run-journal.ts'
import { runPauseMs } from './run-retry.ts'
import type { Ran, RunRequest, Runner } from './runner.ts'
import { createSlots } from './slots.ts'
import { createWorker } from './worker.ts'
import type { Hands, Worker } from './worker.ts'

/** Runs leased for each that can compute. */
const LEASED_AHEAD = 8
/** Before a run that found no room is tried again: twice as long each time, so that many cost little. */
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 60_000

/** More than all servers together ever run at once. */
const MORE_THAN_RUN = 1_000_000

export interface RunWorkerDeps {
  storage: Storage
  executables: Executables
  runner: Runner
  deliveries: Deliveries
  journal: RunJournal
  interrupts: Interrupts
  budget: ByteBudget
  /** Of the sandbox of this process. */
  threads: number
  config: Config
  now: () => number
  /** From 0 to 1. */
  chance: () => number
  /** Told when there is a delivery to send. */
  onDelivery: () => void
  /** Told when an answer was kept. */
  onKept: (executableId: number) => void
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

/** What a run has for as long as it goes on. */
type Held = Pick<RunRequest, 'lease' | 'hangUp'>

export type RunWorker = ReturnType<typeof createRunWorker>

export function createRunWorker(deps: RunWorkerDeps) {
  const { storage, executables, runner, deliveries, journal, interrupts, budget } = deps
  const { threads, config, now, chance, onDelivery, onKept, onError } = deps
  // What waits in the database leaves a thread for those whose callers wait.
  const inAll = Math.max(1, threads - 1)
  const ofOne = Math.max(1, Math.floor(config.SANDBOX_THREADS / 2))
  const slots = createSlots({ inAll, perLane: ofOne })
  // A slot is held while a run computes, a lease from the commit before to the one after: more are leased than
  // compute, lest the sandbox wait for the disk. What another process could compute is left to it.
  const ahead = storage.shared ? 1 : LEASED_AHEAD
  const perExecutable = ofOne * ahead
  // Other servers have threads of their own.
  const perLane = storage.shared ? MORE_THAN_RUN : perExecutable

  /** One that was claimed. */
  async function run(leased: LeasedRun, hands: Hands): Promise<void> {
    const held = { lease: budget.lease(), hangUp: new HangUp() }
    if (leased.cancelRequested) held.hangUp.interrupt()
    try {
      await whileUnderWay(leased, held.hangUp, async () => {
        const lane = String(leased.record.executableId)
        const leaveSlot =
          slots.tryTake(lane) ?? (await slots.take(lane, [hands.closing, held.hangUp.signal]))
        // Not begun, it is found by the next start; where it is to end it needs no slot for that.
        if (leaveSlot === undefined && !held.hangUp.interrupted) return
        const ran = await orCut(compute(leased, held).finally(leaveSlot), hands.cut)
        // Cut off by our own end, it is run again.
        if (ran === undefined) return
        // There is no room for it now.
        if ('error' in ran.outcome && isForLater(ran.outcome.error)) {
          const dueAtMs = now() + Math.min(PAUSE_MS * 2 ** leased.putBack, PAUSE_MS_MAX)
          await hands.commit(() => storage.queuedRuns.putBack(leased, dueAtMs, perLane))
          return
        }
        const later = failedTry(leased, ran)
        if (later === undefined) await end(leased, ran, hands)
        else {
          const { dueAtMs, ...failed } = later
          await hands.commit(() => storage.queuedRuns.tryLater(leased, failed, dueAtMs, perLane))
        }
      })
    } finally {
      held.lease.release()
    }
  }

  /** One whose caller waits here, and that was leased as it was added. */
  function runNow(
    leased: LeasedRun,
    { request, leasedUntilMs }: { request: RunRequest; leasedUntilMs: number },
  ): Promise<RunAnswer> {
    return worker.adopt(leased, leasedUntilMs, (hands) =>
      whileUnderWay(leased, request.hangUp, async () => {
        const record = { ...leased.record, status: 'running' as const }
        const ran = await orCut(runner.runDurable(request, record, true), hands.cut)
        const outcome = ran?.outcome ?? { error: new AppError('CLOSED') }
        // Cut off by our own end, it is run again, and its answer found under its key.
        const cutOff = 'error' in outcome && outcome.error.code === 'CLOSED'
        const stored = ran !== undefined && !cutOff && (await end(leased, ran, hands))
        // It was taken up by another, who answers; nothing is promised that is not there.
        if (!stored && ran?.delivery !== undefined) throw inFlight(leased)
        if ('error' in outcome) throw outcome.error
        return outcome.answer
      }),
    )
  }

  async function whileUnderWay<R>(
    { id }: LeasedRun,
    hangUp: HangUp,
    doing: () => Promise<R>,
  ): Promise<R> {
    interrupts.begin(id, hangUp)
    try {
      return await doing()
    } finally {
      interrupts.end(id)
      journal.abandon(id)
    }
  }

  async function end(leased: LeasedRun, ran: Ran, { commit }: Hands): Promise<boolean> {
    const { ended, outcome, parcel } = ran
    const delivery = parcel === undefined ? ran.delivery : deliveryOf(leased, parcel)
    const kept = leased.waited
      ? { answer: isKept(outcome) ? outcome : undefined, bytesMax: config.IDEMPOTENCY_BYTES }
      : undefined
    const together = { delivery, perLane, ...(kept === undefined ? {} : { kept }) }
    if ((await commit(() => storage.queuedRuns.end(leased, ended, together))) !== true) return false
    journal.endSaved(ended)
    if (delivery !== undefined) onDelivery()
    if (kept?.answer !== undefined) onKept(ended.executableId)
    return true
  }

  /** A try that failed and is to be followed by another, and when. */
  function failedTry({ retry, failedTries }: LeasedRun, { ended, outcome }: Ran) {
    if (retry === undefined || !('error' in outcome)) return undefined
    const { code: errorCode, message: errorMessage } = outcome.error
    const number = failedTries + 1
    const pauseMs = runPauseMs(outcome.error, retry, { tries: number, chance: chance() })
    if (pauseMs === undefined) return undefined
    const endedAtMs = ended.endedAtMs ?? now()
    return { number, errorCode, errorMessage, endedAtMs, dueAtMs: endedAtMs + pauseMs }
  }

  async function compute(leased: LeasedRun, held: Held): Promise<Ran> {
    try {
      const request = await toRequest(leased, held)
      return await runner.runDurable(
        request,
        { ...leased.record, status: 'running' },
        leased.waited,
      )
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { ended: failedRun(leased, error, now()), outcome: { error }, parcel: undefined }
    }
  }

  function deliveryOf(
    { id, record, hops }: LeasedRun,
    { result, target }: NonNullable<Ran['parcel']>,
  ) {
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
    const { record, inputs, callback, text, webhook, hops, vouched } = leased
    const executable = await executables.pinned(record.executableId, record.version)
    held.lease.take(sizeOfGiven(inputs))
    const { id, functionName } = record
    const asked = { inputs, callback, text, webhook, hops, vouched }
    return { id, executable, functionName, ...asked, ...held }
  }

  const worker: Worker<LeasedRun> = createWorker({
    storage,
    store: storage.queuedRuns,
    name: 'queued_runs',
    work: run,
    sizeOf: ({ inputs }) => sizeOfGiven(inputs),
    concurrency: inAll * ahead,
    perLane,
    owners: { of: ({ record }) => record.executableId, most: perExecutable },
    leaseMs: config.DELIVERY_LEASE_MS,
    pollMs: config.DELIVERY_POLL_MS,
    now,
    onUnwanted: (id) => interrupts.interrupt(id),
    onError,
  })
  return { ...worker, runNow }
}

/** The record of a run that could not even begin. */
function failedRun({ record }: LeasedRun, error: AppError, endedAtMs: number): RunRecord {
  const { code: errorCode, message: errorMessage } = error
  return { ...record, status: 'failed', errorCode, errorMessage, endedAtMs }
}

/** Nothing was done that would be done twice. */
function isForLater({ status, code }: AppError): boolean {
  return status === 503 && code !== 'STORAGE_UNKNOWN'
}

function inFlight({ id }: LeasedRun): AppError {
  return new AppError('IDEMPOTENCY_IN_FLIGHT', undefined, { detail: { run_id: id } })
}
