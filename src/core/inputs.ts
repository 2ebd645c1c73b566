// Turns the inputs of a call into bytes: given ones as they are, the others fetched in parallel.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Input, RequestSpec } from '../model.ts'
import { OutboundError } from '../outbound/outbound.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { toldOfLoop } from './hops.ts'
import { formatUrl } from '../request-spec.ts'
import type { ByteLease } from './byte-budget.ts'

/** As many as browsers follow for a page, far fewer than a loop needs. */
const FETCH_REDIRECTS = 5
/** How much of an upstream's error answer is passed on. */
const UPSTREAM_EXCERPT_BYTES = 1024

export interface InputsDeps {
  outbound: Outbound
  config: Config
}

export interface ResolveOptions {
  /** What all inputs together may hold. */
  limitBytes: number
  hops: number
  lease: ByteLease
  /** Ends the fetches: nobody waits for the result any more. */
  signal: AbortSignal | undefined
}

export type Inputs = ReturnType<typeof createInputs>

export function createInputs({ outbound, config }: InputsDeps) {
  /** @throws AppError INPUT_TOO_LARGE, UPSTREAM_*, ADDRESS_REFUSED; the first failure ends the rest */
  async function resolve(inputs: readonly Input[], options: ResolveOptions): Promise<Buffer[]> {
    const given = sizeOfGiven(inputs)
    checkInputSize(given, options.limitBytes)
    let left = options.limitBytes - given
    if (isAborted(options.signal)) throw new AppError('CANCELED')
    const failed = new AbortController()
    const end = (): void => failed.abort()
    options.signal?.addEventListener('abort', end, { once: true })
    const take = (bytes: number): void => {
      left -= bytes
      if (left < 0) {
        throw new AppError('UPSTREAM_TOO_LARGE', undefined, {
          detail: { limit_bytes: options.limitBytes },
        })
      }
      options.lease.take(bytes)
    }
    const resolved = inputs.map(async (input) => {
      if (input.kind === 'bytes') return input.bytes
      return fetchOne(input.spec, { ...options, take, signal: failed.signal })
    })
    try {
      return await Promise.all(resolved)
    } catch (error) {
      failed.abort()
      await Promise.allSettled(resolved)
      // Read anew: it may have aborted while the inputs were fetched.
      throw isAborted(options.signal) ? new AppError('CANCELED') : error
    } finally {
      options.signal?.removeEventListener('abort', end)
    }
  }

  async function fetchOne(
    spec: RequestSpec,
    options: ResolveOptions & { take: (bytes: number) => void; signal: AbortSignal },
  ): Promise<Buffer> {
    const timeoutMs = Math.min(
      spec.timeoutMs ?? config.FETCH_TIMEOUT_MS,
      config.FETCH_TIMEOUT_MS_MAX,
    )
    try {
      const response = await outbound.send({
        spec,
        method: spec.method ?? 'GET',
        timeoutMs,
        maxBytes: options.limitBytes,
        overflow: 'fail',
        maxRedirects: FETCH_REDIRECTS,
        hops: options.hops + 1,
        signal: options.signal,
        onBytes: options.take,
      })
      if (response.status >= 200 && response.status < 300) return response.body
      const looped = toldOfLoop(response)
      throw new AppError(
        looped ? 'LOOP_DETECTED' : 'UPSTREAM_FAILED',
        `The upstream answered ${response.status}.`,
        {
          detail: {
            upstream: {
              url: withoutQuery(spec),
              status: response.status,
              body: response.body.subarray(0, UPSTREAM_EXCERPT_BYTES).toString('utf8'),
            },
          },
        },
      )
    } catch (error) {
      if (error instanceof OutboundError) throw upstreamError(error, spec, timeoutMs)
      throw error
    }
  }

  return { resolve }
}

/** Bytes of the inputs that need not be fetched. */
export function sizeOfGiven(inputs: readonly Input[]): number {
  let bytes = 0
  for (const input of inputs) if (input.kind === 'bytes') bytes += input.bytes.length
  return bytes
}

/** @throws AppError INPUT_TOO_LARGE */
export function checkInputSize(bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return
  throw new AppError('INPUT_TOO_LARGE', undefined, { detail: { limit_bytes: limitBytes } })
}

function upstreamError(error: OutboundError, spec: RequestSpec, timeoutMs: number): AppError {
  const detail = { upstream: { url: withoutQuery(spec), class: error.class } }
  const options = { detail, cause: error }
  if (error.class === 'guard') return new AppError('ADDRESS_REFUSED', error.message, options)
  if (error.class === 'too_large') {
    return new AppError('UPSTREAM_TOO_LARGE', error.message, options)
  }
  if (error.class === 'timeout') {
    return new AppError(
      'UPSTREAM_TIMEOUT',
      `The fetched input did not arrive within ${timeoutMs} ms.`,
      options,
    )
  }
  return new AppError('UPSTREAM_FAILED', error.message, options)
}

/** Errors travel to the caller and into logs; a query often holds a token. */
function withoutQuery(spec: RequestSpec): string {
  return formatUrl(spec).split('?', 1)[0] ?? ''
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
