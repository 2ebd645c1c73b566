// A contestant that answers HTTP requests.
import { cpuUs } from './process-usage.ts'
import type { Contestant, Round } from './contest.ts'
import type { Load, LoadOptions, LoadRequest } from './load.ts'
import type { Running } from './process.ts'

export interface HttpContestant {
  name: string
  note?: string
  server: Running
  request: Omit<LoadRequest, 'origin'>
  /** What it must answer; a contestant that answers something else is not measured. */
  expected: Buffer
}

export function overHttp(load: Load, one: HttpContestant): Contestant {
  const { name, note = '', server, request } = one
  return {
    name,
    note,
    check: () => check(one),
    async measure(options: LoadOptions): Promise<Round> {
      const before = cpuUs(server.pid)
      const result = await load.run({ ...request, origin: server.origin }, options)
      const used = cpuUs(server.pid) - before
      if (result.requests === 0) throw new Error(`${name} answered nothing.`)
      return { ...result, cpuUs: used / result.requests }
    },
  }
}

async function check({ name, server, request, expected }: HttpContestant): Promise<void> {
  const answer = await fetch(server.origin + request.paths[0]!, {
    method: request.body === undefined ? 'GET' : 'POST',
    headers: { ...request.headers },
    ...(request.body === undefined ? {} : { body: new Uint8Array(request.body) }),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  if (answer.ok && bytes.equals(expected)) return
  const told = bytes.subarray(0, 500).toString('utf8')
  throw new Error(`${name} answers ${answer.status} and not what is expected: ${told}`)
}
