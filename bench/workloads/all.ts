// Every workload, in the order in which `npm run bench -- all` runs them.
import type { Workload } from '../workload.ts'
import { burst } from './burst.ts'
import { bytes1Mib } from './bytes-1mib.ts'
import { compute } from './compute.ts'
import { consolePages } from './console.ts'
import { deliveries } from './deliveries.ts'
import { fanout } from './fanout.ts'
import { hello, reuse } from './hello.ts'
import { history } from './history.ts'
import { hostile } from './hostile.ts'
import { mix } from './mix.ts'
import { neighbours } from './neighbours.ts'
import { callback, fetched } from './outbound.ts'
import { soak } from './soak.ts'
import { thousand } from './thousand.ts'
import { thumbnail } from './thumbnail.ts'

export const WORKLOADS: readonly Workload[] = [
  hello,
  reuse,
  bytes1Mib,
  thumbnail,
  compute,
  fetched,
  callback,
  mix,
  thousand,
  burst,
  deliveries,
  neighbours,
  history,
  fanout,
  consolePages,
  hostile,
  soak,
]

/** What `npm run bench` runs: about ten minutes on two cores. */
export const DEFAULT_WORKLOADS: readonly string[] = ['hello', 'bytes-1mib', 'mix']

/** Whose tables stand apart: what is accepted with nobody waiting, and the console. */
export const MARKERS: Readonly<Record<string, readonly string[]>> = {
  deliveries: [deliveries, neighbours, history, fanout].map(({ name }) => name),
  console: [consolePages.name],
}
