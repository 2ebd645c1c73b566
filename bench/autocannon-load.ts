// The load generator where wrk is absent: `autocannon-load.ts PLAN` reads what load.ts wrote and prints a
// LoadResult. A process of its own, so that the bench itself takes no part. It takes more CPU time than wrk
// and leaves less to the servers.
import { readFileSync } from 'node:fs'
import autocannon from 'autocannon'
import { ANSWER_SECONDS_MAX } from './load.ts'
import type { LoadOptions, LoadRequest, LoadResult } from './load.ts'

type Plan = Omit<LoadRequest, 'body'> & LoadOptions & { bodyFile?: string }

const [file = ''] = process.argv.slice(2)
const plan = JSON.parse(readFileSync(file, 'utf8')) as Plan
const { paths, headers = {}, bodyFile } = plan

const result = await autocannon({
  url: plan.origin,
  connections: plan.connections,
  duration: plan.seconds,
  timeout: ANSWER_SECONDS_MAX,
  requests: [
    {
      path: paths[0]!,
      headers,
      ...(bodyFile === undefined
        ? { method: 'GET' }
        : { method: 'POST', body: readFileSync(bodyFile) }),
      ...(paths.length === 1
        ? {}
        : {
            setupRequest: (request) => ({
              ...request,
              path: paths[Math.floor(Math.random() * paths.length)]!,
            }),
          }),
    },
  ],
})

const told: LoadResult = {
  requests: result['2xx'] + result.non2xx,
  seconds: result.duration,
  refused: result.non2xx,
  broken: result.errors,
  p50Us: result.latency.p50 * 1000,
  p99Us: result.latency.p99 * 1000,
}
console.log(JSON.stringify(told))
