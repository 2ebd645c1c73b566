// Answers to callers who need not wait (`Prefer: respond-async`): 202 once the run is committed, or its
// outcome where they would wait for some seconds and it comes in time.
import type { FastifyReply } from 'fastify'
import type { DurableRuns } from '../core/durable-runs.ts'
import type { RunRequest } from '../core/runner.ts'
import type { RunAnswer } from '../model.ts'
import type { AsyncPreference } from './prefer.ts'

export interface AsyncAnswerDeps {
  durableRuns: DurableRuns
  /** The longest wait. */
  waitMsMax: number
}

/** @throws AppError where the run is refused, or ended in time and failed */
export async function answerAsync(
  reply: FastifyReply,
  asked: RunRequest,
  { waitS }: AsyncPreference,
  { durableRuns, waitMsMax }: AsyncAnswerDeps,
): Promise<RunAnswer> {
  const { id } = await durableRuns.accept(asked)
  if (waitS === undefined) return accepted(reply, id, 'respond-async')
  const waitMs = Math.min(waitS * 1000, waitMsMax)
  const applied = `wait=${Math.floor(waitMs / 1000)}`
  const outcome = await durableRuns.outcome(id, { ms: waitMs, caller: asked })
  if (outcome === undefined) return accepted(reply, id, `respond-async, ${applied}`)
  reply.header('preference-applied', applied)
  if (outcome.deliveryId !== undefined) reply.header('wasmhook-delivery', outcome.deliveryId)
  if ('error' in outcome) throw outcome.error
  return outcome.answer
}

/** 202: the run is committed, and its record tells what becomes of it. */
function accepted(reply: FastifyReply, id: string, applied: string): RunAnswer {
  reply.header('location', `/api/runs/${id}`)
  reply.header('preference-applied', applied)
  const body = Buffer.from(JSON.stringify({ run_id: id, status: 'queued' }))
  return { status: 202, type: 'application/json; charset=utf-8', body, warnings: [] }
}
