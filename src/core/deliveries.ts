// Durable deliveries as their owners see them: made, read, listed, canceled. delivery-worker.ts sends them.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Attempt, Delivery, DeliveryPayload, RequestSpec, RetryPolicy } from '../model.ts'
import { originOf } from '../request-spec.ts'
import { dueOf } from '../send-later.ts'
import type { MadeDelivery, ResendRefusal, RunDelivery, Storage } from '../storage/storage.ts'
import { afterAttempt, newsOf } from './attempt.ts'
import { createIds, timeOfId } from './ids.ts'

/** Each shows up to 16 KiB that its target chose, and a delivery can be sent again any number of times. */
const ATTEMPTS_SHOWN_MAX = 100

export interface NewDelivery {
  runId: string
  executableId: number
  spec: RequestSpec
  retry: RetryPolicy
  body: Buffer
  /** Content type of the body. */
  type: string
  /** Runs that it passed through. */
  hops: number
  signed: boolean
}

export interface DeliveriesDeps {
  storage: Storage
  config: Config
  now: () => number
  /** From 0 to 1. */
  chance: () => number
  /** Told when there may be something to send. */
  onDue: () => void
}

export type Deliveries = ReturnType<typeof createDeliveries>

export function createDeliveries(deps: DeliveriesDeps) {
  const { storage, config, now, chance, onDue } = deps
  const newId = createIds(now)

  return {
    newId,

    /** Resolves once it is committed. */
    async create(delivery: MadeDelivery): Promise<void> {
      await storage.deliveries.create(delivery)
      onDue()
    },

    /** One whose first attempt was made already, and failed; for whoever commits it. */
    goingOn(id: string, sent: NewDelivery, attempt: Attempt): MadeDelivery {
      const nowMs = now()
      const after = afterAttempt(
        attempt,
        { retry: sent.retry, tries: 1 },
        { nowMs, chance: chance(), config },
      )
      return {
        ...toDelivery(id, sent, nowMs),
        tries: 1,
        lastStatus: attempt.status,
        lastErrorClass: attempt.errorClass,
        state: after.state,
        ...(after.state === 'waiting'
          ? { dueAtMs: after.dueAtMs }
          : { dueAtMs: null, reason: after.reason, endedAtMs: nowMs }),
        first: { attempt, news: newsOf(attempt, nowMs, config), nowMs },
      }
    },

    /** One to be sent when its callback says; for whoever commits it. */
    scheduled: (sent: NewDelivery): MadeDelivery => toDelivery(newId(), sent, now()),

    async find(id: string): Promise<Delivery> {
      const found = await storage.deliveries.get(id)
      if (found === undefined) throw new AppError('NOT_FOUND', 'There is no such delivery.')
      return found
    },

    attempts: (id: string) => storage.deliveries.attempts(id, ATTEMPTS_SHOWN_MAX),

    /** Until when its target is left alone, for one that waits; null where it is not. */
    async heldUntil({ id, dueAtMs }: Delivery): Promise<number | null> {
      if (dueAtMs === null) return null
      const untilMs = await storage.deliveries.heldUntil(id)
      return untilMs !== null && untilMs > now() ? untilMs : null
    },

    list: (...of: Parameters<typeof storage.deliveries.list>) => storage.deliveries.list(...of),

    /** Takes back a resend, or ends what has none, or lets go of one that ended and holds up its line; one that is under way may still arrive. @throws AppError CONFLICT when it had ended */
    async cancel(id: string): Promise<Delivery> {
      if (!(await storage.deliveries.cancel(id, 'canceled', now()))) {
        const { state } = await this.find(id)
        throw new AppError('CONFLICT', `The delivery has ended: ${state}.`, { detail: { state } })
      }
      onDue()
      return this.find(id)
    },

    /**
     * Has one attempt made as soon as there is room, which is committed before this resolves.
     * @throws AppError CONFLICT, PAYLOAD_GONE, NOT_FOUND
     */
    async resend(id: string): Promise<Delivery> {
      const refusal = await storage.deliveries.resend(id, now())
      if (refusal !== undefined) throw cannotResend(refusal)
      onDue()
      return this.find(id)
    },

    cancelAll: (executableId: number) =>
      storage.deliveries.cancelAll({ executableId }, 'executable_deleted', now()),
    cancelTo: (endpointId: string) =>
      storage.deliveries.cancelAll({ endpointId }, 'endpoint_deleted', now()),
  }
}

const REFUSALS: Readonly<Record<ResendRefusal, readonly [ErrorCode, string]>> = {
  missing: ['NOT_FOUND', 'There is no such delivery.'],
  resending: ['CONFLICT', 'It is being sent again already.'],
  leased: ['CONFLICT', 'An attempt is under way; ask when it has ended.'],
  payload_gone: ['PAYLOAD_GONE', 'What it sends is kept no more, so that it cannot be sent again.'],
  in_line: ['CONFLICT', 'It waits for its turn, which comes when those before it have ended.'],
  executable_deleted: ['CONFLICT', 'Its executable was deleted.'],
  endpoint_deleted: ['CONFLICT', 'Its endpoint was deleted.'],
}

function cannotResend(reason: ResendRefusal): AppError {
  const [code, sentence] = REFUSALS[reason]
  return new AppError(code, sentence, { detail: { reason } })
}

function toDelivery(id: string, sent: NewDelivery, nowMs: number): RunDelivery & DeliveryPayload {
  return {
    id,
    runId: sent.runId,
    executableId: sent.executableId,
    event: null,
    target: originOf(sent.spec),
    state: 'scheduled',
    reason: null,
    dueAtMs: dueOf(sent.spec.later, nowMs),
    tries: 0,
    retry: sent.retry,
    hops: sent.hops,
    signed: sent.signed,
    contentType: sent.type,
    sizeBytes: sent.body.length,
    createdAtMs: timeOfId(id),
    endedAtMs: null,
    lastStatus: null,
    lastErrorClass: null,
    payloadKept: true,
    resending: false,
    spec: sent.spec,
    body: sent.body,
  }
}
