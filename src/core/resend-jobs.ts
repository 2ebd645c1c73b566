// Sending again whatever a filter finds, as a job that outlives the process: in small steps, never more at once than
// targets can be asked for, each delivery once.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { DeliveryFilter, DeliveryState, Endpoint, ResendJob, ResendJobKind } from '../model.ts'
import type { LeasedResendJob, Storage } from '../storage/storage.ts'
import { timeOfId } from './ids.ts'
import { createWorker } from './worker.ts'
import type { Hands } from './worker.ts'

/** Jobs of one executable, or of all, that run at a time. */
const RUNNING_JOBS_MAX = 20
/** Where a filter names no state. */
const FAILED: readonly DeliveryState[] = ['exhausted', 'discarded']
/** What sending again would change nothing of, or have go round once more. */
const NOT_RECOVERED = ['filtered', 'token_fields_missing', 'resource_missing', 'loop']
/** Deliveries of one step, and those of a job whose attempts have not ended. */
const STEP_ROWS = 100
const WINDOW = 1_000
/** Before a job looks again whether attempts have ended. */
const FULL_PAUSE_MS = 500
/** Jobs at once; those of one executable, or of all, take turns. */
const CONCURRENCY = 4
const PER_LANE = 1

/** Of what was made from one time on and before another. */
export interface Span {
  fromMs: number
  beforeMs: number | undefined
  ratePerSecond: number | null
}

export interface ResendJobsDeps {
  storage: Storage
  config: Config
  /** Ids of one order with those of deliveries. */
  newId: () => string
  now: () => number
  /** Told when there are deliveries to send. */
  onDelivery: () => void
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

export type ResendJobs = ReturnType<typeof createResendJobs>

export function createResendJobs(deps: ResendJobsDeps) {
  const { storage, config, newId, now, onDelivery, onError } = deps

  async function step(job: LeasedResendJob, { commit }: Hands): Promise<void> {
    const bounds = {
      nowMs: now(),
      rows: Math.min(STEP_ROWS, job.ratePerSecond ?? STEP_ROWS),
      window: WINDOW,
      fullPauseMs: FULL_PAUSE_MS,
      perLane: PER_LANE,
    }
    const resent = await commit(() => storage.resendJobs.step(job, bounds))
    if (resent !== undefined && resent > 0) onDelivery()
  }

  const worker = createWorker({
    storage,
    store: storage.resendJobs,
    name: 'resend_jobs',
    work: step,
    sizeOf: () => 0,
    concurrency: CONCURRENCY,
    perLane: PER_LANE,
    leaseMs: config.DELIVERY_LEASE_MS,
    pollMs: config.DELIVERY_POLL_MS,
    now,
    onError,
  })

  async function find(id: string): Promise<ResendJob> {
    const job = await storage.resendJobs.get(id)
    if (job === undefined) throw new AppError('NOT_FOUND', 'There is no such job.')
    return job
  }

  async function start(
    kind: ResendJobKind,
    filter: DeliveryFilter,
    ratePerSecond: number | null,
  ): Promise<ResendJob> {
    const id = newId()
    const job: ResendJob = {
      id,
      executableId: filter.executableId ?? null,
      tenant: filter.tenant ?? null,
      kind,
      state: 'running',
      filter,
      ratePerSecond,
      cursor: null,
      ...{ matched: 0, resent: 0, skipped: 0, succeeded: 0, failed: 0 },
      createdAtMs: timeOfId(id),
      endedAtMs: null,
    }
    if (!(await storage.resendJobs.add(job, RUNNING_JOBS_MAX))) {
      throw new AppError('CONFLICT', `${RUNNING_JOBS_MAX} such jobs run already.`, {
        detail: { limit: RUNNING_JOBS_MAX },
      })
    }
    worker.wake()
    return job
  }

  return {
    /**
     * Resolves once the job is committed; it is about the deliveries that were made before.
     * @throws AppError CONFLICT where too many run
     */
    begin: (filter: DeliveryFilter, ratePerSecond: number | null) =>
      start('resend', { ...filter, states: filter.states ?? FAILED }, ratePerSecond),

    /** Sends an endpoint again what failed and may arrive now, the oldest first. @throws as `begin` */
    recover({ tenant, id: endpointId }: Endpoint, { fromMs, beforeMs, ratePerSecond }: Span) {
      const made = { createdFromMs: fromMs, createdBeforeMs: beforeMs }
      const which = { states: FAILED, passedOver: NOT_RECOVERED }
      return start('resend', { tenant, endpointId, ...made, ...which }, ratePerSecond)
    },

    /**
     * Sends an endpoint the messages that it wants and was never sent, the oldest first, each once however often it is
     * asked for: those of before DELIVERIES_KEPT_MS, whose deliveries may be forgotten, are left out.
     * @throws as `begin`; CONFLICT where the endpoint is off
     */
    async replay(endpoint: Endpoint, { fromMs, beforeMs, ratePerSecond }: Span) {
      if (!endpoint.enabled) throw new AppError('CONFLICT', 'The endpoint is off; enable it first.')
      const { tenant, id: endpointId } = endpoint
      const createdFromMs = Math.max(fromMs, now() - config.DELIVERIES_KEPT_MS)
      const filter = { tenant, endpointId, createdFromMs, createdBeforeMs: beforeMs }
      return start('replay', filter, ratePerSecond)
    },

    find,
    list: (...of: Parameters<typeof storage.resendJobs.list>) => storage.resendJobs.list(...of),

    /** Attempts under way end as they end. @throws AppError CONFLICT when it had ended */
    async cancel(id: string): Promise<ResendJob> {
      if (!(await storage.resendJobs.cancel(id, now()))) {
        const { state } = await find(id)
        throw new AppError('CONFLICT', `The job has ended: ${state}.`, { detail: { state } })
      }
      worker.wake()
      return find(id)
    },

    start: () => worker.start(),
    stop: (drainMs: number) => worker.stop(drainMs),
  }
}
