// All executables at a glance: what they are, and what came of the last hour.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import type { RunJournal } from '../../core/run-journal.ts'
import { AppError } from '../../errors.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, PageQuery, SECURITY, listOf } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'

export interface FunctionsDeps {
  executables: Pick<Executables, 'listIds' | 'find'>
  journal: Pick<RunJournal, 'lastHour'>
}

const Shape = Type.Object({
  wasm_id: Type.Integer(),
  description: Type.String(),
  version: Type.Integer(),
  kind: Type.String({ description: 'wasm-bindgen, wasi-command or raw' }),
  functions: Type.Array(Type.String()),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  last_hour: Type.Object({
    calls: Type.Integer({ description: 'Runs that ended in its slots' }),
    errors: Type.Integer({ description: 'Of these, failed or canceled' }),
    p95_ms: Type.Union([Type.Integer(), Type.Null()], {
      description:
        'Of the newest 1,000, from begin to end of a run, waiting and forwarding included; null: none',
    }),
    slots: Type.Array(
      Type.Object({
        from: Type.String({ description: 'RFC 3339, UTC' }),
        calls: Type.Integer(),
        errors: Type.Integer(),
      }),
      { description: 'Twelve of five minutes, oldest first; the last is under way' },
    ),
  }),
})

export function registerFunctions(app: App, { executables, journal }: FunctionsDeps): void {
  app.get(
    '/api/functions',
    {
      schema: {
        summary: 'All executables with calls, errors and p95 of the last hour, newest first',
        tags: ['executables'],
        security: SECURITY.token,
        querystring: PageQuery,
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'token' },
    },
    async (request) => {
      const limit = readLimit(request.query.limit)
      const before = readCursor(request.query.cursor)
      const ids = (await executables.listIds()).filter((id) => id < before).reverse()
      const items = []
      for (const id of ids.slice(0, limit)) {
        // The figures of a hundred take SQLite 300 ms, in which it holds up whoever calls.
        await nextTurn()
        const found = await executables.find(id).catch(unlessGone)
        if (found !== undefined) {
          items.push({
            wasm_id: id,
            description: found.description,
            version: found.version.number,
            kind: found.version.interface.kind,
            functions: found.version.interface.functions.map(({ name }) => name),
            created_at: toTime(found.createdAtMs),
            last_hour: toWire(await journal.lastHour(id)),
          })
        }
      }
      return { items, next: ids.length > limit ? String(ids[limit - 1]) : null }
    },
  )
}

function readCursor(text: string | undefined): number {
  if (text === undefined) return Infinity
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new AppError('BAD_REQUEST', 'cursor must be `next` of the page before.')
}

/** It was deleted since it was listed. */
function unlessGone(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined
  throw error
}

function toWire(figures: Awaited<ReturnType<RunJournal['lastHour']>>) {
  const { calls, errors, p95Ms, slots } = figures
  return {
    calls,
    errors,
    p95_ms: p95Ms,
    slots: slots.map(({ fromMs, ...counts }) => ({ from: toTime(fromMs), ...counts })),
  }
}
