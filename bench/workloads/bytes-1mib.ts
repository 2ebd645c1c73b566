// What carrying bytes costs: in over the socket, into the guest, out of it, and back.
import { compareRoutes } from './routes.ts'
import type { Workload } from '../workload.ts'

const MIB = 1024 * 1024
/** Enough to keep the server busy; more would only pile bodies up. */
const CONNECTIONS = 8

export const bytes1Mib: Workload = {
  name: 'bytes-1mib',
  summary: '1 MiB in and the same out, a fresh instance for each call.',
  run: (bench) =>
    compareRoutes(bench, {
      guest: 'echo',
      fn: 'echo',
      text: false,
      input: Buffer.from(Uint8Array.from({ length: MIB }, (_, at) => at * 31)),
      yardsticks: ['echo', 'node', 'warm', 'serve'],
      component: '/echo',
      options: { connections: CONNECTIONS },
    }),
}
