// Runs as they end, as server-sent events.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LIVE_RUNS_MAX } from '../../core/live-runs.ts'
import type { LiveRuns, RunWatcher } from '../../core/live-runs.ts'
import { ANSWER_HEADERS } from '../answer-headers.ts'
import { RunsFilter, readFilterOfRuns, summary } from '../run-wire.ts'
import type { App } from '../server.ts'

export interface LiveRunsDeps {
  live: Pick<LiveRuns, 'watch' | 'close'>
  /** WORKERS */
  workers: number
}

/** Proxies close what is silent. Who takes nothing from one to the next holds a watcher's place for nothing. */
const PULSE_MS = 15_000

/** Not in the API's description: it has no end, which no client made of that could tell. */
export function registerLiveRuns(app: App, { live, workers }: LiveRunsDeps): void {
  app.get(
    '/api/runs/live',
    {
      exposeHeadRoute: false,
      schema: { hide: true, querystring: RunsFilter },
      config: { access: 'token' },
    },
    async (request, reply) => {
      await stream(request, reply, readFilterOfRuns(request.query))
      return reply
    },
  )

  // It would hold up a stop until connections are cut.
  app.addHook('preClose', (done) => {
    live.close()
    done()
  })

  async function stream(
    request: FastifyRequest,
    reply: FastifyReply,
    filter: RunWatcher['filter'],
  ): Promise<void> {
    const { raw } = reply
    const send = (event: string, data: object): boolean =>
      raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    const stop = await live.watch({
      filter,
      runs(records) {
        // What the one before could not take waits in memory: no more is put to it.
        if (raw.writableNeedDrain) return false
        for (const record of records) send('run', summary(record))
        return true
      },
      sampled: (counts) => void send('sampled', counts),
      end: () => raw.end(),
    })
    reply.hijack()
    // Its reader, or the server, may have gone meanwhile.
    if (raw.destroyed || raw.writableEnded) {
      stop()
      return
    }
    let stuck = false
    raw.on('drain', () => (stuck = false))
    const pulse = setInterval(() => {
      if (stuck) raw.destroy()
      else if (raw.writableNeedDrain) stuck = true
      else raw.write(': still here\n\n')
    }, PULSE_MS)
    raw.once('close', () => {
      clearInterval(pulse)
      stop()
    })
    raw.writeHead(200, {
      ...ANSWER_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      // nginx would keep it.
      'x-accel-buffering': 'no',
    })
    send('open', { sampled_above: LIVE_RUNS_MAX, workers })
    request.raw.socket.setNoDelay(true)
  }
}
