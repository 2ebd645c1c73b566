// What is counted while the server works: ended runs, compilations, answers. Feeding them is a few
// additions in typed arrays; names, labels and text are made at scrape time (metrics.ts).
import { ERRORS } from '../errors.ts'
import type { AppError, ErrorCode } from '../errors.ts'
import type { RunRecord, RunTimings } from '../model.ts'
import { createHistogram } from './histogram.ts'

const MS = 1000
const S = 1000 * MS

/** From an instance made in some microseconds to the longest run that may be allowed. */
const STAGE_BOUNDS = [
  ...[10, 25, 50, 100, 250, 500],
  ...[1 * MS, 2.5 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS],
  ...[1 * S, 2.5 * S, 5 * S, 10 * S, 30 * S, 60 * S, 300 * S],
]
/** A record's times are whole milliseconds, so that finer bounds would only pretend. */
const RUN_BOUNDS = STAGE_BOUNDS.filter((bound) => bound >= 1 * MS)
/** The compiler's child process alone takes some milliseconds. */
const COMPILE_BOUNDS = STAGE_BOUNDS.filter((bound) => bound >= 5 * MS)
/** Timers are no finer than a millisecond. */
const DELAY_BOUNDS = STAGE_BOUNDS.filter((bound) => bound >= 1 * MS && bound <= 10 * S)

export const STAGES = ['fetch', 'queue', 'instantiate', 'run', 'forward'] as const
export type Stage = (typeof STAGES)[number]

const TIMING_OF: Readonly<Record<Stage, keyof RunTimings>> = {
  fetch: 'fetchUs',
  queue: 'queueUs',
  instantiate: 'instantiateUs',
  run: 'runUs',
  forward: 'forwardUs',
}

/** How many answers of a route had each class of status: place 2 is 2xx. */
export interface RouteCount {
  method: string
  route: string
  classes: Float64Array
}

export type Meters = ReturnType<typeof createMeters>

export function createMeters() {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  const placeOf = new Map<string, number>(codes.map((code, at) => [code, at]))
  const failures = new Float64Array(codes.length)
  /** Runs that succeeded, input bytes, output bytes. */
  const runs = new Float64Array(3)
  const stages = STAGES.map((stage) => ({
    stage,
    timing: TIMING_OF[stage],
    histogram: createHistogram(STAGE_BOUNDS),
  }))
  const total = createHistogram(RUN_BOUNDS)
  const compile = createHistogram(COMPILE_BOUNDS)
  const compilations = { compiled: 0, refused: 0, failed: 0 }
  const answers: RouteCount[] = []
  const loopDelay = createHistogram(DELAY_BOUNDS)

  return {
    /** The one place where runs are counted: their journal tells of each as it ends. */
    runEnded(record: RunRecord): void {
      const { errorCode, timings } = record
      if (errorCode === null) add(runs, 0, 1)
      else add(failures, placeOf.get(errorCode) ?? 0, 1)
      add(runs, 1, record.inputBytes)
      add(runs, 2, record.outputBytes)
      // Who is turned away at once has not waited and would make a full queue look quick.
      if (errorCode !== 'QUEUE_FULL') {
        for (const { timing, histogram } of stages) {
          const us = timings[timing]
          // The sandbox says 0 of a stage that a call did not come to.
          if (us !== null && us > 0) histogram.observe(us)
        }
      }
      // The clock may have been set back meanwhile.
      const ms = (record.endedAtMs ?? record.createdAtMs) - record.createdAtMs
      total.observe(Math.max(0, ms) * MS)
    },
    compilationEnded(ms: number, error?: AppError): void {
      if (error === undefined) compilations.compiled++
      else if (error.fault === 'caller') compilations.refused++
      else compilations.failed++
      compile.observe(ms * MS)
    },
    /** A row for a route's answers, in which whoever answers counts. */
    route(method: string, route: string): RouteCount {
      const row = { method, route, classes: new Float64Array(6) }
      answers.push(row)
      return row
    },
    loopDelay,

    read: () => ({
      succeeded: runs[0] ?? 0,
      inputBytes: runs[1] ?? 0,
      outputBytes: runs[2] ?? 0,
      failures: codes.map((code, at) => ({ code, count: failures[at] ?? 0 })),
      stages: stages.map(({ stage, histogram }) => ({ stage, durations: histogram.read() })),
      total: total.read(),
      compile: compile.read(),
      compilations,
      answers,
      loopDelay: loopDelay.read(),
    }),
  }
}

function add(cells: Float64Array, at: number, amount: number): void {
  cells[at] = (cells[at] ?? 0) + amount
}
