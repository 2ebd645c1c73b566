// Run records: one run, its kept result, an executable's recent runs, and the original's log row.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Deliveries } from '../../core/deliveries.ts'
import type { Executables } from '../../core/executables.ts'
import { keyMatches } from '../../core/keys.ts'
import type { RunControl } from '../../core/run-control.ts'
import type { RunJournal } from '../../core/run-journal.ts'
import { AppError } from '../../errors.ts'
import type { RunRecord } from '../../model.ts'
import { readFilter } from '../filter-by.ts'
import { sendGuestMade } from '../guest-made.ts'
import type { KeyGuard } from '../key-guard.ts'
import { isUuid, readPage } from '../page.ts'
import { RunItem, RunOrigins, RunSummary, originsOf, summary } from '../run-wire.ts'
import { ErrorBody, ExecutableParams, PageQuery, SECURITY, nullable } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'
import { USAGE_FILTERS, gasWarnings, usageFigure } from '../usage-figures.ts'
import { sendWarnings } from '../warnings.ts'
import { bearer, toExecutableId, wireHeader } from '../wire.ts'

export interface RunsDeps {
  executables: Executables
  journal: RunJournal
  runControl: RunControl
  deliveries: Deliveries
  keyGuard: KeyGuard
}

const RunShape = Type.Object(
  {
    ...RunSummary,
    ...RunOrigins,
    log: Type.String({ description: 'What it wrote' }),
    result_kept: Type.Boolean(),
    tries: Type.Integer(),
    failed_tries: Type.Array(
      Type.Object({
        number: Type.Integer(),
        error: nullable(Type.String()),
        code: nullable(Type.String()),
        ended_at: Type.String(),
      }),
    ),
    due_at: nullable(Type.String()),
    cancel_requested: Type.Boolean(),
    delivery_ids: Type.Array(Type.String()),
  },
  { additionalProperties: true },
)
const RunParams = Type.Object({ id: Type.String({ description: 'Wasmhook-Run of an answer' }) })

/** Deliveries of one run that its record names. */
const RUN_DELIVERIES_MAX = 100

export function registerRuns(app: App, deps: RunsDeps): void {
  const { executables, journal, runControl, deliveries, keyGuard } = deps

  /** The run, to whoever holds the key it was made with, the admin key or the token. */
  async function find(request: FastifyRequest, id: string): Promise<RunRecord> {
    const run = isUuid(id) ? await journal.get(id) : undefined
    if (run === undefined) throw new AppError('NOT_FOUND', 'There is no such run.')
    // A run goes with its executable, also while its record still waits to be written.
    const executable = await executables.find(run.executableId)
    if (run.usageKeyHash === null) return run
    const { usageKeyHash } = run
    const keys = [wireHeader(request.headers, 'SSVM_Usage_Key'), bearer(request.headers)]
    if (keys.some((key) => key !== undefined && keyMatches(key, usageKeyHash))) return run
    if (keyGuard.hasAdmin(request, executable)) return run
    throw new AppError(
      keyGuard.sentKey(request) ? 'WRONG_KEY' : 'MISSING_KEY',
      'This run needs the key it was made with.',
    )
  }

  /** A run with what other tables tell of it. */
  async function show(run: RunRecord) {
    const place = run.endedAtMs === null ? await runControl.place(run.id) : undefined
    const dueAtMs = place?.dueAtMs ?? null
    const failed = await runControl.failedTries(run.id)
    const { items } = await deliveries.list({ runId: run.id }, { limit: RUN_DELIVERIES_MAX })
    const waits = run.status === 'queued' && place?.leased !== true
    return {
      ...toWire(run),
      ...originsOf(run),
      result_kept: run.result !== null,
      // Only the process that runs it knows more.
      ...(run.status === 'queued' && !waits ? { status: 'running' } : {}),
      tries: failed.length + (waits || run.status === 'canceled' ? 0 : 1),
      failed_tries: failed.map((one) => ({
        number: one.number,
        error: one.errorMessage,
        code: one.errorCode,
        ended_at: toTime(one.endedAtMs),
      })),
      due_at: toTime(dueAtMs),
      cancel_requested: place?.cancelRequested ?? false,
      delivery_ids: items.map((delivery) => delivery.id),
    }
  }

  app.get(
    '/api/runs/:id',
    {
      schema: {
        summary: 'One run: status, version, timings of each stage, outcome, log',
        tags: ['runs'],
        params: RunParams,
        security: SECURITY.usage,
        response: { 200: RunShape, '4xx': ErrorBody },
      },
      config: { access: 'route' },
    },
    async (request) => {
      const run = await find(request, request.params.id)
      return show(run)
    },
  )

  app.delete(
    '/api/runs/:id',
    {
      schema: {
        summary: 'End a run that waits or goes on',
        tags: ['runs'],
        params: RunParams,
        security: SECURITY.usage,
        response: { '2xx': RunShape, '4xx': ErrorBody },
      },
      config: { access: 'route' },
    },
    async (request, reply) => {
      const { id } = await find(request, request.params.id)
      const run = await runControl.cancel(id)
      // One that another process runs may take longer to hear of it.
      if (run.endedAtMs === null) reply.code(202)
      return show(run)
    },
  )

  app.get(
    '/api/runs/:id/result',
    {
      schema: {
        summary:
          'The result, where it is kept: that of a run that nobody waited for, or whose forward failed',
        tags: ['runs'],
        params: RunParams,
        security: SECURITY.usage,
      },
      config: { access: 'route', rawAnswer: ['*/*'] },
    },
    async (request, reply) => {
      const run = await find(request, request.params.id)
      if (run.result === null) {
        throw new AppError('NOT_FOUND', 'No result is kept of this run.', {
          detail: { status: run.status },
        })
      }
      const { type, bytes: body } = run.result
      sendGuestMade(reply, { status: 200, type, body })
    },
  )

  app.get(
    '/api/executables/:id/runs',
    {
      schema: {
        summary: 'Recent runs, newest first',
        tags: ['runs'],
        params: ExecutableParams,
        querystring: PageQuery,
        security: SECURITY.admin,
        response: {
          200: Type.Object({
            items: Type.Array(RunItem),
            next: Type.Union([Type.String(), Type.Null()]),
          }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      const page = await journal.list(id, readPage(request.query))
      return { items: page.items.map(summary), next: page.next }
    },
  )

  app.get(
    '/api/log/:id',
    {
      schema: {
        summary: "The last execution, in the original service's form",
        tags: ['runs'],
        params: ExecutableParams,
        querystring: Type.Object({
          filterBy: Type.Optional(
            Type.String({ description: 'JSON array of field names, those of usage included' }),
          ),
        }),
        security: SECURITY.admin,
        response: { 200: Type.Record(Type.String(), Type.Unknown()), '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request, reply) => {
      const executable = await executables.find(toExecutableId(request.params.id))
      const latest = await journal.latest(executable.id)
      if (latest === undefined) throw new AppError('NOT_FOUND', 'There is no execution yet.')
      const row: Record<string, unknown> = {
        log_id: latest.sequence,
        wasm_executable_id: executable.id,
        wasm_executable_state: executable.state ?? '{}',
        execution_timestamp: toTime(latest.record.createdAtMs),
        execution_object: toWire(latest.record),
      }
      const { filterBy } = request.query
      if (filterBy === undefined) return row
      const names = readFilter(filterBy, [...Object.keys(row), ...USAGE_FILTERS])
      sendWarnings(reply, gasWarnings(names, executable))
      const figures = USAGE_FILTERS.filter((name) => names.includes(name))
      const usage = figures.length === 0 ? undefined : await journal.usage(executable.id)
      for (const name of figures) row[name] = usageFigure(name, executable, usage)
      return Object.fromEntries(names.map((name) => [name, row[name]]))
    },
  )
}

function toWire(run: RunRecord) {
  return { ...summary(run), log: run.log }
}
