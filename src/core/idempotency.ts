// Calls that carry an Idempotency-Key: the key names the run, and whoever calls with it again gets that run's
// answer. docs/delivery.md tells users the same.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { KeptAnswer, KeyName, KeyedRun, NewKey, Storage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'

/** Keys deleted, or answers dropped, in one step; other writers wait meanwhile. */
const STEP_ROWS = 50
/** Expired keys are looked for this often. */
const SWEEP_MS = 60_000

export interface IdempotencyDeps {
  storage: Storage
  config: Config
  now: () => number
  onError: (error: unknown) => void
}

export type Idempotency = ReturnType<typeof createIdempotency>

export function createIdempotency({ storage, config, now, onError }: IdempotencyDeps) {
  const trimming = new Set<number>()
  let timer: NodeJS.Timeout | undefined

  async function sweep(): Promise<void> {
    while ((await storage.idempotency.sweep(now(), STEP_ROWS)) === STEP_ROWS);
  }

  async function trim(executableId: number): Promise<void> {
    const bytes = config.IDEMPOTENCY_BYTES
    while ((await storage.idempotency.trim(executableId, bytes, STEP_ROWS)) === STEP_ROWS);
  }

  return {
    /** The run that the key names. @throws AppError IDEMPOTENCY_MISMATCH */
    async find(key: KeyName & { fingerprint: string }): Promise<KeyedRun | undefined> {
      const known = await storage.idempotency.find(key, now())
      if (known !== undefined) checkFingerprint(known, key)
      return known
    },

    /** For a run that is added now. */
    newKey: (key: KeyName & { fingerprint: string }): NewKey => ({
      ...key,
      expiresAtMs: now() + config.IDEMPOTENCY_KEPT_MS,
      max: config.IDEMPOTENCY_KEYS_MAX,
    }),

    free: (runId: string) => storage.idempotency.free(runId),

    /** Sees to it that an executable's answers keep within their bytes. */
    trimSoon(executableId: number): void {
      if (trimming.has(executableId)) return
      trimming.add(executableId)
      trim(executableId)
        .catch(onError)
        .finally(() => trimming.delete(executableId))
    },

    start(): void {
      timer = setInterval(() => void sweep().catch(onError), SWEEP_MS)
      timer.unref()
    },
    stop(): void {
      clearInterval(timer)
    },
  }
}

/** @throws AppError IDEMPOTENCY_MISMATCH */
export function checkFingerprint(known: KeyedRun, asked: { fingerprint: string }): void {
  if (known.fingerprint === asked.fingerprint) return
  throw new AppError('IDEMPOTENCY_MISMATCH')
}

/** Failures of ours, the function's or others' are not kept: a retry is to find the key free. */
export function isKept(outcome: KeptAnswer): boolean {
  const { status } = 'error' in outcome ? outcome.error : outcome.answer
  return status < 500 && status !== 429
}

/**
 * The answer that is kept with a key, for whoever calls with it.
 * @throws AppError IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_ANSWER_DROPPED, BUFFERS_FULL
 */
export function keptAnswer({ runId, answer }: KeyedRun, lease: ByteLease): KeptAnswer {
  const detail = { run_id: runId }
  if (answer === undefined) throw new AppError('IDEMPOTENCY_IN_FLIGHT', undefined, { detail })
  if (answer === 'dropped') throw answerDropped(runId)
  if ('answer' in answer) lease.take(answer.answer.body.length)
  return answer
}

/** What came of the run is not kept any more. */
export function answerDropped(runId: string): AppError {
  return new AppError('IDEMPOTENCY_ANSWER_DROPPED', undefined, { detail: { run_id: runId } })
}
