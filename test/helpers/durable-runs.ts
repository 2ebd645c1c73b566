// Runs that are handed over: accepted, read, waited for.
import assert from 'node:assert/strict'
import { call } from './client.ts'
import type { CallInit, Caller, Uploaded } from './client.ts'

export interface Run {
  run_id: string
  status: string
  code: string | null
  error: string | null
  delivery_ids: string[]
}

export const ASYNC = { prefer: 'respond-async' }

export async function readRun(app: Caller, id: string): Promise<Run> {
  return (await (await app.request(`/api/runs/${id}`)).json()) as Run
}

/** Asks until the run is in one of these states. */
export async function untilRun(app: Caller, id: string, ...states: string[]): Promise<Run> {
  for (;;) {
    const run = await readRun(app, id)
    if (states.includes(run.status)) return run
  }
}

export function ended(app: Caller, id: string): Promise<Run> {
  return untilRun(app, id, 'succeeded', 'failed', 'canceled')
}

/** The id of a run that was accepted. */
export async function accept(
  app: Caller,
  one: Pick<Uploaded, 'id'>,
  fn: string,
  { headers = {}, ...init }: CallInit = {},
): Promise<string> {
  const response = await call(app, one, fn, { ...init, headers: { ...ASYNC, ...headers } })
  const text = await response.text()
  assert.equal(response.status, 202, text)
  const { run_id: id } = JSON.parse(text) as Run
  assert.equal(response.headers.get('location'), `/api/runs/${id}`)
  assert.equal(response.headers.get('wasmhook-run'), id)
  assert.equal(response.headers.get('preference-applied'), 'respond-async')
  return id
}

/** What is kept of a run's result. */
export async function resultOf(app: Caller, id: string): Promise<string> {
  return (await app.request(`/api/runs/${id}/result`)).text()
}
