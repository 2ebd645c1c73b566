// Memory after many calls at once: whether the server gives back what it took.
import { readFileSync } from 'node:fs'
import { memoryAtRest } from '../calm.ts'
import { guestFile } from '../guests.ts'
import { descriptorsOf, memoryOf } from '../process-usage.ts'
import { spreadOf } from '../statistics.ts'
import type { Workload } from '../workload.ts'
import { HELLO } from './hello.ts'

const CALLS = 50_000
const QUICK_CALLS = 5_000
const CONNECTIONS = 256
const MB = 1e6

export const burst: Workload = {
  name: 'burst',
  summary: `Memory at rest before and after ${CALLS.toLocaleString('en-US')} hellos from ${CONNECTIONS} connections.`,
  async run(bench) {
    const { options, load } = bench
    const { server, note } = await bench.wasmhook()
    const { pid, origin } = server
    const { id } = await server.upload(readFileSync(guestFile(HELLO.guest)))
    const request = {
      origin,
      paths: [`/api/run/${id}/${HELLO.fn}`],
      headers: { 'content-type': 'text/plain' },
      body: HELLO.input,
    }

    // A process that has never worked has not taken what it needs for working with so many callers.
    const warmUp = { connections: CONNECTIONS, seconds: options.warmUpSeconds }
    await load.run(request, warmUp)
    const before = await memoryAtRest(pid)
    const descriptorsBefore = descriptorsOf(pid)
    bench.progress(`before: ${(before.residentBytes / MB).toFixed(1)} MB`)

    let most = 0
    const watch = setInterval(() => (most = Math.max(most, memoryOf(pid).residentBytes)), 100)
    const wanted = options.quick ? QUICK_CALLS : CALLS
    let calls = 0
    let failed = 0
    while (calls < wanted) {
      const round = await load.run(request, { connections: CONNECTIONS, seconds: 1 })
      calls += round.requests
      failed += round.refused + round.broken
    }
    clearInterval(watch)
    const after = await memoryAtRest(pid)

    const one = (value: number): ReturnType<typeof spreadOf> => spreadOf([value])
    return {
      measured: [],
      figures: [
        {
          target: 'burst/memory',
          name: 'resident memory, after / before',
          variant: note,
          value: one(after.residentBytes / before.residentBytes),
          unit: '×',
        },
        { name: 'before', value: one(before.residentBytes / MB), unit: 'MB' },
        { name: 'at most', value: one(most / MB), unit: 'MB' },
        { name: 'after', value: one(after.residentBytes / MB), unit: 'MB' },
        { name: 'calls', value: one(calls), unit: '' },
        { name: 'calls that failed', value: one(failed), unit: '' },
        { name: 'file descriptors, before', value: one(descriptorsBefore), unit: '' },
        { name: 'file descriptors, after', value: one(descriptorsOf(pid)), unit: '' },
      ],
      notes: [],
    }
  },
}
