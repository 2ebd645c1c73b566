// Accepts runs whose callers do not wait: what they need is committed before they are told so.
// run-worker.ts runs them.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { RunRecord } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { checkHops } from './hops.ts'
import { checkInputSize, sizeOfGiven } from './inputs.ts'
import type { Limits } from './limits.ts'
import type { RunJournal } from './run-journal.ts'
import { newRecord } from './runner.ts'
import type { RunRequest } from './runner.ts'

export interface DurableRunsDeps {
  storage: Storage
  journal: RunJournal
  limits: Limits
  config: Config
  now: () => number
  /** Told when there is something to run. */
  onDue: () => void
}

export type DurableRuns = ReturnType<typeof createDurableRuns>

export function createDurableRuns(deps: DurableRunsDeps) {
  const { storage, journal, limits, config, now, onDue } = deps
  return {
    /**
     * Resolves once the run is committed.
     * @throws AppError LOOP_DETECTED, INPUT_TOO_LARGE, DURABLE_RUNS_FULL; nothing is stored then
     */
    async accept(request: RunRequest): Promise<RunRecord> {
      const { executable, hops, inputs, callback, text } = request
      checkHops(hops)
      checkInputSize(sizeOfGiven(inputs), limits.of(executable).inputBytes)
      const record: RunRecord = { ...newRecord(request, now()), status: 'queued' }
      const queued = { inputs, callback, text, hops }
      if (!(await storage.queuedRuns.add(record, queued, config.DURABLE_RUNS_MAX))) {
        throw new AppError('DURABLE_RUNS_FULL', undefined, {
          detail: { limit: config.DURABLE_RUNS_MAX },
        })
      }
      onDue()
      return record
    },

    /** Ends a run that has not begun. @throws AppError CONFLICT when it has */
    async cancel(id: string): Promise<RunRecord> {
      const canceled = await storage.queuedRuns.cancel(id, now())
      const record = await journal.get(id)
      if (record === undefined) throw new AppError('NOT_FOUND', 'There is no such run.')
      if (canceled) {
        journal.endSaved(record)
        return record
      }
      const { status } = record
      const sentence = `The run does not wait: it is ${status}.`
      throw new AppError('CONFLICT', sentence, { detail: { status } })
    },
  }
}
