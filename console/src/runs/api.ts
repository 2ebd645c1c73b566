// Runs of all functions and of one, a single run, and runs as they end.
import { toError } from '../../../packages/client/src/error.ts'
import { readEvents } from './events.ts'
import { session } from '../session.ts'
import { ROOT, client, keys } from '../client.ts'

export const RUN_STATUSES = [
  'queued',
  'running',
  'forwarding',
  'succeeded',
  'failed',
  'canceled',
] as const

export interface RunFilter {
  status?: (typeof RUN_STATUSES)[number]
  wasm_id?: string
  code?: string
}

/** What of an address's query says which runs; what is no status is none. */
export function readRunFilter({ status, wasm_id, code }: Readonly<Record<string, string>>) {
  const filter: RunFilter = {}
  const known = RUN_STATUSES.find((one) => one === status)
  if (known !== undefined) filter.status = known
  if (wasm_id !== undefined) filter.wasm_id = wasm_id
  if (code !== undefined) filter.code = code
  return filter
}

export function listRuns(filter: RunFilter, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/runs', { query: { ...filter, cursor }, ...keys(), signal })
}

export function recentRuns(id: number, cursor?: string, signal?: AbortSignal) {
  const query = { cursor }
  return client.get('/api/executables/{id}/runs', { path: { id }, query, ...keys(id), signal })
}

export type RunItem = Awaited<ReturnType<typeof listRuns>>['items'][number]

/** `id` is its function's, where that is known: a function with a usage key asks for a key. */
export function runDetail(runId: string, id?: number, signal?: AbortSignal) {
  return client.get('/api/runs/{id}', { path: { id: runId }, ...keys(id), signal })
}

export type RunDetail = Awaited<ReturnType<typeof runDetail>>

/** Where it is kept. */
export async function runResult(
  runId: string,
  id: number | undefined,
  signal?: AbortSignal,
): Promise<Blob> {
  const options = { path: { id: runId }, ...keys(id), as: 'response', signal } as const
  return (await client.get('/api/runs/{id}/result', options)).blob()
}

/** Ends one that waits or goes on. */
export function cancelRun(runId: string, id: number) {
  return client.delete('/api/runs/{id}', { path: { id: runId }, ...keys(id) })
}

/** What the stream begins with. */
export interface LiveOpen {
  sampled_above: number
  workers: number
}

/** Of a second in which more ended than were told. */
export interface Sampled {
  ended: number
  shown: number
}

export interface RunWatcher {
  open(told: LiveOpen): void
  run(run: RunItem): void
  sampled(counts: Sampled): void
}

/** Resolves when the stream has ended. @throws WasmhookError, or TypeError where nobody answers */
export async function watchRuns(
  filter: RunFilter,
  watcher: RunWatcher,
  signal: AbortSignal,
): Promise<void> {
  const token = session.token()
  const query = new URLSearchParams({ ...filter }).toString()
  const response = await fetch(`${ROOT}/api/runs/live?${query}`, {
    signal,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  })
  if (!response.ok || response.body === null) throw await toError('GET /api/runs/live', response)
  for await (const { event, data } of readEvents(response.body)) {
    if (event === 'open') watcher.open(data as LiveOpen)
    else if (event === 'run') watcher.run(data as RunItem)
    else if (event === 'sampled') watcher.sampled(data as Sampled)
  }
}
