// Every workload, in the order in which `npm run bench -- all` runs them.
import type { Workload } from '../workload.ts'
import { hello } from './hello.ts'

export const WORKLOADS: readonly Workload[] = [hello]

/** What `npm run bench` runs: about ten minutes on two cores. */
export const DEFAULT_WORKLOADS: readonly string[] = ['hello']
