// The server as a whole, for its operator; and the runs of all executables.
import { Type } from 'typebox'
import type { RunJournal } from '../../core/run-journal.ts'
import { readPage } from '../page.ts'
import { RunItem, RunsFilter, readFilterOfRuns, summary } from '../run-wire.ts'
import { ErrorBody, PageQuery, SECURITY, listOf, nullable } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'

interface Queue {
  depth: number
  /** There are more than that. */
  more: boolean
  oldestDueMs: number | null
}

/** Milliseconds since 1970, bytes, counts. */
export interface SystemFigures {
  version: string
  startedAtMs: number
  upMs: number
  workers: number
  processes: number
  limits: Record<string, number>
  queues: { runs: Queue; deliveries: Queue }
  runsActive: number
  sandbox: { threads: number; running: number; queued: number }
  storage: { engine: 'sqlite' | 'postgresql'; sizeBytes: number; healthy: boolean }
  eventLoopDelay: { sinceMs: number; meanMs: number; p99Ms: number | null } | null
  memory: {
    residentBytes: number
    heapUsedBytes: number
    externalBytes: number
    bufferedBytes: number
    bufferedLimitBytes: number
  }
}

export interface SystemRoutesDeps {
  system: { read: () => Promise<SystemFigures> }
  journal: Pick<RunJournal, 'newest'>
}

const Queue = Type.Object({
  depth: Type.Integer({ description: 'What has not ended: what waits, and what is worked on' }),
  more: Type.Boolean({ description: 'There are more than that; they are not counted on' }),
  oldest_due_at: nullable(
    Type.String({ description: 'When the next can be, or could have been, worked on' }),
  ),
})
const Shape = Type.Object({
  version: Type.String(),
  started_at: Type.String({ description: 'Of the process that is up the longest' }),
  uptime_ms: Type.Integer(),
  workers: Type.Integer({ description: 'WORKERS' }),
  processes: Type.Integer({ description: 'Of this server that answer now' }),
  limits: Type.Unsafe<Record<string, number>>({
    type: 'object',
    additionalProperties: { type: 'integer' },
    description: 'Every setting that is a number, as it holds (docs/limits.md)',
  }),
  queues: Type.Object({ runs: Queue, deliveries: Queue }),
  runs_active: Type.Integer({ description: 'Under way, fetching and forwarding included' }),
  sandbox: Type.Object({
    threads: Type.Integer(),
    running: Type.Integer(),
    queued: Type.Integer({ description: 'Calls that wait for a thread' }),
  }),
  storage: Type.Object({
    engine: Type.String({ description: 'sqlite or postgresql' }),
    size_bytes: Type.Integer({ description: 'On disk' }),
    healthy: Type.Boolean({ description: 'It takes run records' }),
  }),
  event_loop_delay: Type.Union([
    Type.Object({
      since: Type.String({ description: 'Of this time are the figures: a minute or more' }),
      mean_ms: Type.Number(),
      p99_ms: Type.Union([Type.Number(), Type.Null()], {
        description: 'At most so much; null: more than the last bound of docs/metrics.md',
      }),
    }),
    Type.Null(),
  ]),
  memory: Type.Object({
    resident_bytes: Type.Integer({ description: 'Of all processes together, as all of these' }),
    heap_used_bytes: Type.Integer(),
    external_bytes: Type.Integer(),
    buffered_bytes: Type.Integer({ description: 'What requests hold' }),
    buffered_limit_bytes: Type.Integer(),
  }),
})

const RunsQuery = Type.Object(
  {
    ...PageQuery.properties,
    ...RunsFilter.properties,
  },
  { additionalProperties: false },
)

export function registerSystem(app: App, { system, journal }: SystemRoutesDeps): void {
  app.get(
    '/api/system',
    {
      schema: {
        summary: 'The server as a whole: version, limits, queues, storage, event loop, memory',
        tags: ['service'],
        security: SECURITY.token,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'token' },
    },
    async () => toWire(await system.read()),
  )

  app.get(
    '/api/runs',
    {
      schema: {
        summary:
          'Recent runs of all executables, newest first; a page may have fewer than it could',
        tags: ['runs'],
        security: SECURITY.token,
        querystring: RunsQuery,
        response: { 200: listOf(RunItem), '4xx': ErrorBody },
      },
      config: { access: 'token' },
    },
    async (request) => {
      const filter = readFilterOfRuns(request.query)
      const { items, next } = await journal.newest(filter, readPage(request.query))
      return { items: items.map(summary), next }
    },
  )
}

function toWire(figures: SystemFigures) {
  const { queues, storage, eventLoopDelay: delay, memory } = figures
  return {
    version: figures.version,
    started_at: toTime(figures.startedAtMs),
    uptime_ms: Math.round(figures.upMs),
    workers: figures.workers,
    processes: figures.processes,
    limits: figures.limits,
    queues: { runs: queueToWire(queues.runs), deliveries: queueToWire(queues.deliveries) },
    runs_active: figures.runsActive,
    sandbox: figures.sandbox,
    storage: {
      engine: storage.engine,
      size_bytes: storage.sizeBytes,
      healthy: storage.healthy,
    },
    event_loop_delay: delay && {
      since: toTime(delay.sinceMs),
      mean_ms: delay.meanMs,
      p99_ms: delay.p99Ms,
    },
    memory: {
      resident_bytes: memory.residentBytes,
      heap_used_bytes: memory.heapUsedBytes,
      external_bytes: memory.externalBytes,
      buffered_bytes: memory.bufferedBytes,
      buffered_limit_bytes: memory.bufferedLimitBytes,
    },
  }
}

function queueToWire({ depth, more, oldestDueMs }: Queue) {
  return { depth, more, oldest_due_at: toTime(oldestDueMs) }
}
