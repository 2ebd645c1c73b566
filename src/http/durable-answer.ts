// Answers calls that are made durable: those handed over (`Prefer: respond-async`), and those that a key names
// (`Idempotency-Key`).
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DurableRuns, Reply } from '../core/durable-runs.ts'
import { parseRunRetry } from '../core/run-retry.ts'
import type { RunRequest } from '../core/runner.ts'
import { AppError } from '../errors.ts'
import type { RunAnswer, RunRetry } from '../model.ts'
import { fingerprintOf, idempotencyKey } from './idempotency-key.ts'
import { JSON_TYPE } from './json-text.ts'
import { asyncPreference } from './prefer.ts'
import type { CallRequest } from './run-request.ts'
import { toTime } from './times.ts'

export interface DurableAnswerDeps {
  durableRuns: DurableRuns
  /** The longest wait of a call that is handed over. */
  waitMsMax: number
}

/** False for most calls, at a glance. */
export function mayBeDurable(headers: IncomingHttpHeaders): boolean {
  return (
    headers.prefer !== undefined ||
    headers['idempotency-key'] !== undefined ||
    headers['wasmhook-retry'] !== undefined
  )
}

/**
 * Undefined where the call is not made durable after all.
 * @throws AppError where it is refused, or what it failed with
 */
export async function answerDurable(
  request: FastifyRequest,
  reply: FastifyReply,
  { asked, call }: { asked: RunRequest; call: CallRequest },
  deps: DurableAnswerDeps,
): Promise<RunAnswer | undefined> {
  try {
    return await answer(request, reply, { asked, call }, deps)
  } catch (error) {
    nameRun(reply, error)
    throw error
  }
}

/** A refusal names the run that it is about, or none: the one that was to be is not. */
function nameRun(reply: FastifyReply, error: unknown): void {
  const runId = error instanceof AppError ? error.detail.run_id : undefined
  if (typeof runId === 'string') reply.header('wasmhook-run', runId)
  else reply.removeHeader('wasmhook-run')
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { asked, call }: { asked: RunRequest; call: CallRequest },
  { durableRuns, waitMsMax }: DurableAnswerDeps,
): Promise<RunAnswer | undefined> {
  const preference = asyncPreference(request.headers)
  const retry = readRetry(request.headers)
  if (retry !== undefined && preference === undefined) {
    throw new AppError(
      'BAD_REQUEST',
      'Wasmhook-Retry is for runs that are handed over: send Prefer: respond-async as well.',
    )
  }
  const key = await readKey(request, asked, { call, retry })
  if (preference === undefined) {
    if (key === undefined) return undefined
    return toAnswer(reply, await durableRuns.runUnder(key, asked))
  }
  const { waitS } = preference
  const waitMs = waitS === undefined ? undefined : Math.min(waitS * 1000, waitMsMax)
  const wait = waitMs === undefined ? [] : [`wait=${Math.floor(waitMs / 1000)}`]
  const made = await durableRuns.handOver(asked, { key, waitMs, retry })
  const applied = 'accepted' in made ? ['respond-async', ...wait] : wait
  if (applied.length > 0) reply.header('preference-applied', applied.join(', '))
  return toAnswer(reply, made)
}

/** @throws AppError INVALID_JSON, INVALID_SPEC */
function readRetry(headers: IncomingHttpHeaders): RunRetry | undefined {
  const header = headers['wasmhook-retry']
  if (header === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(String(header))
  } catch {
    throw new AppError('INVALID_JSON', 'The Wasmhook-Retry header is not valid JSON.')
  }
  return parseRunRetry(value)
}

async function readKey(
  request: FastifyRequest,
  { executable, functionName }: RunRequest,
  { call, retry }: { call: CallRequest; retry: RunRetry | undefined },
) {
  const key = idempotencyKey(request.raw)
  if (key === undefined) return undefined
  const fingerprint = await fingerprintOf(request.routeOptions.url ?? '', call, retry)
  return { executableId: executable.id, functionName, key, fingerprint }
}

function toAnswer(reply: FastifyReply, made: Reply): RunAnswer {
  reply.header('wasmhook-run', made.runId)
  if (made.replayed) reply.header('idempotent-replayed', 'true')
  if (made.deliveryId !== undefined) reply.header('wasmhook-delivery', made.deliveryId)
  if ('error' in made) throw made.error
  if ('answer' in made) return made.answer
  // The run is committed, and its record tells what becomes of it.
  reply.header('location', `/api/runs/${made.runId}`)
  const body = Buffer.from(JSON.stringify({ run_id: made.runId, status: 'queued' }))
  return { status: 202, type: JSON_TYPE, body, warnings: [] }
}

/** 202: the result is there and its delivery committed, which goes out when its callback says. */
export function postponed(
  reply: FastifyReply,
  { deliveryId, dueAtMs }: NonNullable<RunAnswer['postponed']>,
): RunAnswer {
  const runId = String(reply.getHeader('wasmhook-run'))
  reply.header('location', `/api/runs/${runId}`)
  reply.header('wasmhook-delivery', deliveryId)
  const told = {
    run_id: runId,
    status: 'succeeded',
    delivery_id: deliveryId,
    due_at: toTime(dueAtMs),
  }
  const body = Buffer.from(JSON.stringify(told))
  return { status: 202, type: JSON_TYPE, body, warnings: [] }
}
