// Sends a run's result to its callback target once, and turns the answer into the caller's.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { RequestSpec, RunAnswer } from '../model.ts'
import { toldOfLoop } from './hops.ts'
import { OutboundError } from '../outbound/outbound.ts'
import type { Outbound, OutboundResponse } from '../outbound/outbound.ts'

/** How much of a target's failed answer is shown to the caller. */
const TARGET_EXCERPT_BYTES = 16 * 1024

/** A target's answer becomes the caller's. */
type TargetAnswer = Omit<RunAnswer, 'warnings'>

export interface DeliveryDeps {
  outbound: Outbound
  config: Config
}

export type Delivery = ReturnType<typeof createDelivery>

export function createDelivery({ outbound, config }: DeliveryDeps) {
  return {
    /**
     * One attempt. The target's 2xx answer is the caller's.
     * @throws AppError CALLBACK_FAILED, CALLBACK_TIMEOUT, TARGET_TOO_LARGE, ADDRESS_REFUSED, LOOP_DETECTED
     */
    async forward(
      spec: RequestSpec,
      result: { bytes: Buffer; type: string },
      options: { hops: number; answerBytes: number; onBytes: (bytes: number) => void },
    ): Promise<TargetAnswer> {
      const timeoutMs = Math.min(
        spec.timeoutMs ?? config.CALLBACK_TIMEOUT_MS,
        config.CALLBACK_TIMEOUT_MS_MAX,
      )
      const method = spec.method ?? 'POST'
      const bodyless = method === 'GET' || method === 'HEAD'
      const typed = spec.headers['content-type'] !== undefined || bodyless
      let response: OutboundResponse
      try {
        response = await outbound.send({
          spec,
          method,
          // Ours, so that it goes along where a redirect drops the spec's headers.
          ...(typed ? {} : { headers: { 'content-type': result.type } }),
          ...(bodyless ? {} : { body: result.bytes }),
          timeoutMs,
          maxBytes: options.answerBytes,
          overflow: 'cut',
          maxRedirects: 0,
          hops: options.hops + 1,
          onBytes: options.onBytes,
        })
      } catch (error) {
        if (error instanceof OutboundError) throw targetError(error, timeoutMs)
        throw error
      }
      return toAnswer(response, options.answerBytes)
    },
  }
}

function toAnswer(response: OutboundResponse, limitBytes: number): TargetAnswer {
  const { status, headers, body } = response
  const type = headers['content-type'] || 'application/octet-stream'
  if (status >= 200 && status < 300) {
    if (!response.truncated) return { status, type, body }
    throw new AppError('TARGET_TOO_LARGE', undefined, { detail: { limit_bytes: limitBytes } })
  }
  const excerpt = body.subarray(0, TARGET_EXCERPT_BYTES).toString('utf8')
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
