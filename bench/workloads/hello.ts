// The smallest useful call: what everything around a guest costs.
import { readFileSync } from 'node:fs'
import { guestFile } from '../guests.ts'
import { compareRoutes } from './routes.ts'
import type { Workload } from '../workload.ts'

export const hello: Workload = {
  name: 'hello',
  summary: 'a text of 5 bytes in, a greeting out, a fresh instance for each call',
  run: (bench) =>
    compareRoutes(bench, {
      wasmFile: guestFile('hello'),
      wasm: readFileSync(guestFile('hello')),
      fn: 'say',
      text: true,
      input: Buffer.from('world'),
      output: Buffer.from('hello world'),
      component: '/say',
      targets: { echo: 'hello/echo', serve: 'hello/serve', node: 'hello/node' },
    }),
}
