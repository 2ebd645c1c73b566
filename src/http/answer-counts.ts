// Counts answers by route and class of status. A route's row is found once, when the route is registered,
// so that an answer costs one addition; whatever is no route shares a row, so that nobody can make more.
import type { FastifyInstance } from 'fastify'

/** Answers of one route; place 2 counts 2xx. */
export interface AnswerRow {
  classes: Float64Array
}

export interface AnswerTable {
  row(method: string, route: string): AnswerRow
}

export interface AnswerCounts {
  register(app: FastifyInstance): void
  /** What could not be read as a request was answered with this status; 0: it was not answered. */
  malformed(status: number): void
}

/** Of rows that are for no method in particular. */
const ANY_METHOD = 'other'

export function createAnswerCounts(table: AnswerTable): AnswerCounts {
  const unmatched = table.row(ANY_METHOD, 'unmatched')
  const malformed = table.row(ANY_METHOD, 'malformed')
  return {
    register(app) {
      app.addHook('onRoute', (route) => {
        // The routes that only say 405 take all methods that are left.
        const method = typeof route.method === 'string' ? route.method : ANY_METHOD
        const row = table.row(method, route.url)
        route.onResponse = [route.onResponse ?? []].flat().concat((_request, reply, done) => {
          count(row, reply.statusCode)
          done()
        })
      })
      app.addHook('onResponse', (request, reply, done) => {
        if (request.is404) count(unmatched, reply.statusCode)
        done()
      })
    },
    malformed(status) {
      if (status > 0) count(malformed, status)
    },
  }
}

function count({ classes }: AnswerRow, status: number): void {
  const place = Math.floor(status / 100)
  classes[place] = (classes[place] ?? 0) + 1
}
