// Forwards a run's result to its callback target while the caller waits: one attempt, whose answer becomes
// the caller's. Where that fails and the callback says so, the attempt becomes the first of a delivery.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Attempt, Executable, RequestSpec, RunAnswer, SigningSecret } from '../model.ts'
import type { MadeDelivery } from '../storage/storage.ts'
import type { Outbound, OutboundError, OutboundResponse } from '../outbound/outbound.ts'
import { EXCERPT_BYTES, arrived, attempt, timeoutOf } from './attempt.ts'
import type { Deliveries } from './deliveries.ts'
import { toldOfLoop } from './hops.ts'
import { DEFAULT_RETRY } from '../retry-policy.ts'

/** A target's answer becomes the caller's. */
type TargetAnswer = Omit<RunAnswer, 'warnings'>

export interface ForwarderDeps {
  outbound: Outbound
  deliveries: Deliveries
  /** What an executable's callbacks are signed with now. */
  secretsOf: (executable: Executable) => Promise<readonly SigningSecret[]>
  config: Config
  now: () => number
}

export interface ForwardOptions {
  runId: string
  executable: Executable
  hops: number
  /** True where the target may be sent signatures. */
  signed: boolean
  answerBytes: number
  onBytes: (bytes: number) => void
  /** Commits a delivery that goes on, now or with the run's end. */
  keep: (delivery: MadeDelivery) => Promise<void> | void
  /** Ends the attempt: nobody wants the result to arrive any more. */
  signal: AbortSignal
}

export type Forwarder = ReturnType<typeof createForwarder>

export function createForwarder(deps: ForwarderDeps) {
  const { outbound, deliveries, secretsOf, config, now } = deps
  return {
    /**
     * One attempt, whose 2xx answer is the caller's; or, of what is to be sent later, a delivery.
     * @throws AppError CANCELED, CALLBACK_FAILED, CALLBACK_TIMEOUT, TARGET_TOO_LARGE, ADDRESS_REFUSED, LOOP_DETECTED;
     *   with `delivery_id` in its detail where the delivery goes on
     */
    async forward(
      spec: RequestSpec,
      result: { bytes: Buffer; type: string },
      options: ForwardOptions,
    ): Promise<TargetAnswer> {
      if (spec.later !== undefined) return postpone(spec, result, options)
      const timeoutMs = timeoutOf(spec, config)
      const hops = options.hops + 1
      const { answerBytes, onBytes, signal } = options
      // Made before the first attempt, so that every attempt carries it.
      const deliveryId = deliveries.newId()
      const headers = spec.retry === undefined ? {} : { 'wasmhook-delivery': deliveryId }
      const secrets = options.signed ? await secretsOf(options.executable) : []
      const signing = { id: deliveryId, secrets }
      const sent = { spec, result, timeoutMs, answerBytes, hops, headers }
      const request = { ...sent, signing, onBytes, signal }
      const made = await attempt(outbound, request, now)
      if (signal.aborted && made.response === undefined) throw new AppError('CANCELED')
      try {
        if (made.response === undefined) throw targetError(made.error, timeoutMs)
        return toAnswer(made.response, { answerBytes, timeoutMs })
      } catch (error) {
        throw await goesOn(error as AppError, made.attempt, {
          deliveryId,
          spec,
          result,
          hops,
          options,
        })
      }
    },
  }

  /** Nobody waits for what is sent later: it is a delivery like those of background runs. */
  async function postpone(
    spec: RequestSpec,
    { bytes: body, type }: { bytes: Buffer; type: string },
    { runId, executable, hops, signed, signal, keep }: ForwardOptions,
  ): Promise<TargetAnswer> {
    if (signal.aborted) throw new AppError('CANCELED')
    const retry = spec.retry ?? DEFAULT_RETRY
    const delivery = deliveries.scheduled({
      runId,
      executableId: executable.id,
      spec,
      retry,
      body,
      type,
      hops: hops + 1,
      signed,
    })
    await keep(delivery)
    const postponed = { deliveryId: delivery.id, dueAtMs: delivery.dueAtMs ?? now() }
    return { status: 202, type: 'application/json', body: Buffer.alloc(0), postponed }
  }

  /** The error, which tells of the delivery that goes on. */
  async function goesOn(
    error: AppError,
    first: Attempt,
    sent: {
      deliveryId: string
      spec: RequestSpec
      result: { bytes: Buffer; type: string }
      hops: number
      options: ForwardOptions
    },
  ): Promise<AppError> {
    const { deliveryId: id, spec, result, hops, options } = sent
    // A loop must end. Where a name leads may change: a refused address is a failure like others.
    const final = error.code === 'LOOP_DETECTED'
    if (spec.retry === undefined || arrived(first) || final) return error
    const { runId, executable, signed, keep } = options
    const { bytes: body, type } = result
    const { retry } = spec
    const executableId = executable.id
    const delivery = { runId, executableId, spec, retry, body, type, hops, signed }
    await keep(deliveries.goingOn(id, delivery, first))
    const detail = { ...error.detail, delivery_id: id }
    return new AppError(error.code, error.message, { detail, cause: error.cause })
  }
}

function toAnswer(
  response: OutboundResponse,
  { answerBytes, timeoutMs }: { answerBytes: number; timeoutMs: number },
): TargetAnswer {
  const { status, headers, body, damage } = response
  const type = headers['content-type'] || 'application/octet-stream'
  if (status >= 200 && status < 300) {
    if (damage !== undefined) throw targetError(damage, timeoutMs)
    if (!response.truncated) return { status, type, body }
    throw new AppError('TARGET_TOO_LARGE', undefined, { detail: { limit_bytes: answerBytes } })
  }
  const excerpt = body.subarray(0, EXCERPT_BYTES).toString('utf8')
  const code = toldOfLoop(response) ? 'LOOP_DETECTED' : 'CALLBACK_FAILED'
  throw new AppError(code, `The callback target answered ${status}.`, {
    detail: { target: { status, type, body: excerpt } },
  })
}

function targetError(error: OutboundError, timeoutMs: number): AppError {
  const options = { detail: { target: { class: error.class } }, cause: error }
  if (error.class === 'guard') return new AppError('ADDRESS_REFUSED', error.message, options)
  if (error.class === 'timeout') {
    return new AppError(
      'CALLBACK_TIMEOUT',
      `The callback target did not answer within ${timeoutMs} ms.`,
      options,
    )
  }
  return new AppError('CALLBACK_FAILED', error.message, options)
}
