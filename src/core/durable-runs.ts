// Runs that are committed before they are run, since nobody waits for them or a key names them, and how their
// callers are answered. run-worker.ts runs them.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError, isErrorCode } from '../errors.ts'
import type { QueuedRequest, RunAnswer, RunRecord, RunRetry } from '../model.ts'
import { checkLater } from '../send-later.ts'
import type { AddOptions, KeptAnswer, KeyName, KeyedRun, Storage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import { checkHops } from './hops.ts'
import { answerDropped, checkFingerprint, isKept, keptAnswer } from './idempotency.ts'
import type { Idempotency } from './idempotency.ts'
import { checkInputSize, sizeOfGiven } from './inputs.ts'
import type { Limits } from './limits.ts'
import type { RunJournal } from './run-journal.ts'
import type { RunWaits } from './run-waits.ts'
import type { RunWorker } from './run-worker.ts'
import { newRecord } from './run-record.ts'
import type { RunRequest } from './runner.ts'
import type { TargetCheck } from './target-check.ts'

export interface DurableRunsDeps {
  storage: Storage
  journal: RunJournal
  waits: RunWaits
  idempotency: Idempotency
  limits: Limits
  checkTarget: TargetCheck
  config: Config
  now: () => number
  worker: Pick<RunWorker, 'runNow' | 'wake'>
}

/** How a call is answered: that its run is accepted, or what came of it. */
export type Reply = {
  runId: string
  /** The run was asked for before, under the same key. */
  replayed: boolean
  /** Its result's delivery, which goes on by itself. */
  deliveryId?: string | undefined
} & ({ accepted: true } | KeptAnswer)

/** A key with what is asked for under it. */
export type AskedKey = KeyName & { fingerprint: string }

export interface HandedOver {
  key: AskedKey | undefined
  /** How it is tried again where it fails. */
  retry: RunRetry | undefined
  /** How long the caller waits for the run to end; undefined: not at all. */
  waitMs: number | undefined
}

/** A call whose key names a run already. */
interface Again {
  key: AskedKey
  /** Undefined: the caller wants the run's answer and no 202. */
  patience: { waitMs: number | undefined } | undefined
  caller: Pick<RunRequest, 'hangUp' | 'lease'>
}

/** What storage is given of a run. */
export interface PreparedRun {
  record: RunRecord
  request: QueuedRequest
  options: AddOptions
}

export type DurableRuns = ReturnType<typeof createDurableRuns>

export function createDurableRuns(deps: DurableRunsDeps) {
  const { storage, journal, waits, idempotency, limits, checkTarget, config, now, worker } = deps

  /** A lease of this process, for a run that it begins at once. */
  const newLease = () => ({ leaseId: uuidv7(), leasedUntilMs: now() + config.DELIVERY_LEASE_MS })

  /**
   * What storage is given of a run.
   * @throws AppError LOOP_DETECTED, INVALID_SPEC, ADDRESS_REFUSED, INPUT_TOO_LARGE
   */
  function prepare(
    request: RunRequest,
    { key, lease, retry }: Omit<HandedOver, 'waitMs'> & { lease: AddOptions['lease'] | undefined },
  ) {
    const { executable, hops, inputs, callback, text, webhook, vouched } = request
    checkHops(hops)
    checkLater(callback, { nowMs: now(), maxMs: config.DELIVER_LATER_MS_MAX })
    checkTarget(callback)
    checkInputSize(sizeOfGiven(inputs), limits.of(executable).inputBytes)
    const record = { ...newRecord(request, now()), status: 'queued' as const }
    const waited = lease !== undefined
    const queued = { inputs, callback, text, webhook, hops, vouched, waited, retry }
    const options: AddOptions = {
      max: config.DURABLE_RUNS_MAX,
      ...(lease === undefined ? {} : { lease }),
      ...(key === undefined ? {} : { key: idempotency.newKey(key) }),
    }
    return { record, request: queued, options }
  }

  /**
   * @throws AppError as `prepare`, IDEMPOTENCY_FULL, DURABLE_RUNS_FULL; nothing is stored then
   */
  async function add(...of: Parameters<typeof prepare>) {
    const run = prepare(...of)
    const { record, request: queued, options } = run
    const added = await storage.queuedRuns.add(record, queued, options)
    if (added === 'full') {
      throw new AppError('DURABLE_RUNS_FULL', undefined, { detail: { limit: options.max } })
    }
    return { run, known: added === 'added' ? undefined : added }
  }

  /** Runs what was committed with a lease of this process. @throws AppError as the run fails */
  function runLeased(request: RunRequest, { record, request: queued, options }: PreparedRun) {
    if (options.lease === undefined) throw new Error('The run has no lease.')
    const { leaseId, leasedUntilMs } = options.lease
    // Whoever hangs up may ask again.
    request.hangUp.detach()
    const before = { cancelRequested: false, putBack: 0, failedTries: 0 }
    const leased = { id: record.id, leaseId, record, ...before, ...queued }
    return worker.runNow(leased, { request, leasedUntilMs })
  }

  /** What came of a run that was handed over, and of its key; undefined where its record tells nothing here. */
  async function tell(
    ended: RunRecord,
    { key, lease }: { key: AskedKey | undefined; lease: ByteLease },
  ): Promise<(KeptAnswer & Pick<Reply, 'deliveryId'>) | undefined> {
    const outcome = outcomeOf(ended, lease)
    if (outcome === undefined) return undefined
    if (key !== undefined && !isKept(outcome)) await idempotency.free(ended.id)
    const { items } = await storage.deliveries.list({ runId: ended.id }, { limit: 1 })
    return { ...outcome, deliveryId: items[0]?.id }
  }

  async function replay(known: KeyedRun, again: Again): Promise<Reply> {
    checkFingerprint(known, again.key)
    const { runId } = known
    const outcome = known.waited
      ? await answerOfWaited(known, again)
      : await answerOfHandedOver(known, again)
    return { runId, replayed: true, ...(outcome ?? { accepted: true }) }
  }

  /** Undefined: 202, as before. @throws AppError IDEMPOTENCY_ANSWER_DROPPED */
  async function answerOfHandedOver(
    { runId }: KeyedRun,
    { key, patience, caller }: Again,
  ): Promise<KeptAnswer | undefined> {
    const record = await journal.get(runId)
    if (record === undefined) throw answerDropped(runId)
    if (patience !== undefined && patience.waitMs === undefined) return undefined
    const { lease, hangUp } = caller
    const ended =
      record.endedAtMs === null
        ? await waits.ended(runId, { ms: patience?.waitMs ?? 0, signal: hangUp.signal })
        : record
    if (ended === undefined) return undefined
    if (ended.status === 'succeeded' && ended.result === null) throw answerDropped(runId)
    return tell(ended, { key, lease })
  }

  /** Undefined: 202, since the run is under way and this caller need not have its answer. */
  async function answerOfWaited(
    known: KeyedRun,
    { key, patience, caller }: Again,
  ): Promise<KeptAnswer | undefined> {
    const { lease, hangUp } = caller
    if (known.answer !== undefined || patience === undefined) return keptAnswer(known, lease)
    if (patience.waitMs === undefined) return undefined
    const { runId } = known
    const ended = await waits.ended(runId, { ms: patience.waitMs, signal: hangUp.signal })
    if (ended === undefined) return undefined
    const now = await idempotency.find(key)
    // Where its key is free again, it failed.
    return now?.runId === runId ? keptAnswer(now, lease) : outcomeOf(ended, lease)
  }

  return {
    /**
     * Resolves once the run is committed, and has ended or `waitMs` are over. A key that names a run already
     * gives that one's answer.
     * @throws AppError where nothing was committed
     */
    async handOver(request: RunRequest, { key, waitMs, retry }: HandedOver): Promise<Reply> {
      const { id: runId, lease, hangUp } = request
      const before = key === undefined ? undefined : await idempotency.find(key)
      const known = before ?? (await add(request, { key, retry, lease: undefined })).known
      if (known !== undefined && key !== undefined) {
        return replay(known, { key, patience: { waitMs }, caller: request })
      }
      worker.wake()
      const ended =
        waitMs === undefined
          ? undefined
          : await waits.ended(runId, { ms: waitMs, signal: hangUp.signal })
      const outcome = ended === undefined ? undefined : await tell(ended, { key, lease })
      return { runId, replayed: false, ...(outcome ?? { accepted: true }) }
    },

    /**
     * Runs for a caller who waits, and keeps the answer under the key; or gives the answer of the run that the
     * key names already.
     * @throws AppError as the run fails, IDEMPOTENCY_…
     */
    async runUnder(key: AskedKey, request: RunRequest): Promise<Reply> {
      const again = { key, patience: undefined, caller: request }
      const before = await idempotency.find(key)
      if (before !== undefined) return replay(before, again)
      const { run, known } = await add(request, { key, lease: newLease(), retry: undefined })
      if (known !== undefined) return replay(known, again)
      return { runId: run.record.id, replayed: false, answer: await runLeased(request, run) }
    },

    /**
     * A run that somebody commits together with something else; where its caller waits for it, `runPrepared` is to follow.
     * @throws AppError LOOP_DETECTED, INPUT_TOO_LARGE
     */
    prepare: (request: RunRequest, { waited }: { waited: boolean }): PreparedRun =>
      prepare(request, {
        key: undefined,
        retry: undefined,
        lease: waited ? newLease() : undefined,
      }),

    /** Once it is committed. @throws AppError as the run fails */
    runPrepared: (request: RunRequest, run: PreparedRun): Promise<RunAnswer> =>
      runLeased(request, run),

    /** There may be runs to begin. */
    wake: () => worker.wake(),
  }
}

/** What a run's caller would have been answered, had it waited; undefined where that cannot be had here and now. */
function outcomeOf(ended: RunRecord, lease: ByteLease): KeptAnswer | undefined {
  if (ended.status !== 'succeeded') return { error: errorOf(ended) }
  const { result } = ended
  if (result === null) return undefined
  try {
    lease.take(result.bytes.length)
  } catch {
    // The run is not to be taken for one that failed.
    return undefined
  }
  const answer: RunAnswer = { status: 200, type: result.type, body: result.bytes, warnings: [] }
  return { answer }
}

function errorOf({ id, errorCode, errorMessage }: RunRecord): AppError {
  const code = errorCode !== null && isErrorCode(errorCode) ? errorCode : 'INTERNAL'
  return new AppError(code, errorMessage ?? undefined, { detail: { run_id: id } })
}
