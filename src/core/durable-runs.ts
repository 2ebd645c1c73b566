// Accepts runs whose callers do not wait: what they need is committed before they are told so.
// run-worker.ts runs them.
import type { Config } from '../config.ts'
import { AppError, isErrorCode } from '../errors.ts'
import type { RunAnswer, RunRecord } from '../model.ts'
import { checkLater } from '../send-later.ts'
import type { Storage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import { checkHops } from './hops.ts'
import { checkInputSize, sizeOfGiven } from './inputs.ts'
import type { Interrupts } from './interrupts.ts'
import type { Limits } from './limits.ts'
import type { RunJournal } from './run-journal.ts'
import type { RunWaits } from './run-waits.ts'
import { newRecord } from './runner.ts'
import type { RunRequest } from './runner.ts'
import type { TargetCheck } from './target-check.ts'

/** How long is waited for an interrupted run to end; most end at once. */
const INTERRUPT_MS = 5_000

export interface DurableRunsDeps {
  storage: Storage
  journal: RunJournal
  waits: RunWaits
  interrupts: Interrupts
  limits: Limits
  checkTarget: TargetCheck
  config: Config
  now: () => number
  /** Told when there is something to run. */
  onDue: () => void
}

/** How a run ended, for somebody who waited for it. */
export type Outcome = (
  | { answer: RunAnswer }
  /** What the run would have been answered with, had its caller waited from the start. */
  | { error: AppError }
) & {
  /** Its result's delivery, which goes on by itself. */
  deliveryId: string | undefined
}

export type DurableRuns = ReturnType<typeof createDurableRuns>

export function createDurableRuns(deps: DurableRunsDeps) {
  const { storage, journal, waits, interrupts, limits, checkTarget, config, now, onDue } = deps

  async function outcomeOf(ended: RunRecord, lease: ByteLease): Promise<Outcome | undefined> {
    const { items } = await storage.deliveries.list({ runId: ended.id }, { limit: 1 })
    const deliveryId = items[0]?.id
    if (ended.status !== 'succeeded') return { error: errorOf(ended), deliveryId }
    const answer = answerOf(ended, lease)
    return answer === undefined ? undefined : { answer, deliveryId }
  }

  async function find(id: string): Promise<RunRecord> {
    const record = await journal.get(id)
    if (record === undefined) throw new AppError('NOT_FOUND', 'There is no such run.')
    return record
  }

  return {
    /**
     * Resolves once the run is committed.
     * @throws AppError LOOP_DETECTED, INVALID_SPEC, ADDRESS_REFUSED, INPUT_TOO_LARGE, DURABLE_RUNS_FULL; nothing is
     *   stored then
     */
    async accept(request: RunRequest): Promise<RunRecord> {
      const { executable, hops, inputs, callback, text, vouched } = request
      checkHops(hops)
      checkLater(callback, { nowMs: now(), maxMs: config.DELIVER_LATER_MS_MAX })
      checkTarget(callback)
      checkInputSize(sizeOfGiven(inputs), limits.of(executable).inputBytes)
      const record: RunRecord = { ...newRecord(request, now()), status: 'queued' }
      const queued = { inputs, callback, text, hops, vouched }
      if (!(await storage.queuedRuns.add(record, queued, config.DURABLE_RUNS_MAX))) {
        throw new AppError('DURABLE_RUNS_FULL', undefined, {
          detail: { limit: config.DURABLE_RUNS_MAX },
        })
      }
      onDue()
      return record
    },

    /**
     * How the run ended; undefined where it has not within `ms`, the caller has left, or its result cannot
     * be had here and now: its record tells.
     */
    async outcome(
      id: string,
      { ms, caller }: { ms: number; caller: Pick<RunRequest, 'hangUp' | 'lease'> },
    ): Promise<Outcome | undefined> {
      const ended = await waits.ended(id, { ms, signal: caller.hangUp.signal })
      return ended === undefined ? undefined : outcomeOf(ended, caller.lease)
    },

    /**
     * Ends a run that waits or goes on: its record as it is then, or as it still is where that takes long.
     * @throws AppError CONFLICT where it has ended, or comes to its end before
     */
    async cancel(id: string): Promise<RunRecord> {
      const outcome = await storage.queuedRuns.cancel(id, now())
      if (outcome === 'canceled') {
        const record = await find(id)
        journal.endSaved(record)
        return record
      }
      const here = interrupts.interrupt(id)
      if (outcome === 'none' && !here) throw hasEnded(await find(id))
      const record = (await waits.ended(id, { ms: INTERRUPT_MS })) ?? (await find(id))
      if (record.endedAtMs !== null && record.status !== 'canceled') throw hasEnded(record)
      return record
    },

    /** Where a run stands that has not ended; undefined where only this process knows of it. */
    place: (id: string) => storage.queuedRuns.place(id),
  }
}

function hasEnded({ status }: RunRecord): AppError {
  return new AppError('CONFLICT', `The run has ended: ${status}.`, { detail: { status } })
}

function answerOf({ result }: RunRecord, lease: ByteLease): RunAnswer | undefined {
  if (result === null) return undefined
  try {
    lease.take(result.bytes.length)
  } catch {
    // The run is not to be taken for one that failed.
    return undefined
  }
  return { status: 200, type: result.type, body: result.bytes, warnings: [] }
}

function errorOf({ id, errorCode, errorMessage }: RunRecord): AppError {
  const code = errorCode !== null && isErrorCode(errorCode) ? errorCode : 'INTERNAL'
  return new AppError(code, errorMessage ?? undefined, { detail: { run_id: id } })
}
