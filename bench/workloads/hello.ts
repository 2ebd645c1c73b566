// The smallest useful call: what everything around a guest costs.
import { compareRoutes } from './routes.ts'
import type { RouteCase } from './routes.ts'
import type { Workload } from '../workload.ts'

export const HELLO = {
  guest: 'hello',
  fn: 'say',
  text: true,
  input: Buffer.from('world'),
} as const satisfies Partial<RouteCase>

export const hello: Workload = {
  name: 'hello',
  summary: 'A text of 5 bytes in, a greeting out, a fresh instance for each call.',
  run: (bench) =>
    compareRoutes(bench, {
      ...HELLO,
      yardsticks: ['echo', 'node', 'warm', 'serve'],
      component: '/say',
      targets: { echo: 'hello/echo', serve: 'hello/serve', node: 'hello/node' },
    }),
}

export const reuse: Workload = {
  name: 'reuse',
  summary: 'The same with `reuse` set for the executable: warm instances serve further calls.',
  run: (bench) =>
    compareRoutes(bench, {
      ...HELLO,
      reuse: true,
      yardsticks: ['echo', 'warm'],
      targets: { echo: 'reuse/echo' },
    }),
}
