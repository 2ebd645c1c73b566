// Pages of a long history of deliveries: whether the millionth is found as fast as the first.
import { startEngines } from '../engines.ts'
import { percentile, spreadOf } from '../statistics.ts'
import type { Executable, Wasmhook } from '../wasmhook.ts'
import type { Figure, Workload } from '../workload.ts'
import { durableHello } from './durable.ts'

const DELIVERIES = 1_000_000
/** Of one target there is a page of failed ones even then. */
const QUICK_DELIVERIES = 100_000
const PAGES = 200
const QUICK_PAGES = 20
const PAGE = 100
const TARGETS = Array.from({ length: 20 }, (_, at) => `https://target-${at}.example:443`)
/** One in fifty failed. */
const STATES = Array.from({ length: 50 }, (_, at) => (at === 0 ? 'exhausted' : 'succeeded'))

export const history: Workload = {
  name: 'history',
  summary: `Pages of ${PAGE} from a history of 1,000,000 deliveries of one executable, by HTTP.`,
  async run(bench) {
    const { quick, rounds } = bench.options
    const count = quick ? QUICK_DELIVERIES : DELIVERIES
    const pages = quick ? QUICK_PAGES : PAGES
    const figures: Figure[] = []
    for (const engine of await startEngines(bench)) {
      const { server: empty } = await engine.wasmhook()
      const { executable } = await durableHello(engine.name, { server: empty, note: '' })
      bench.progress(`${engine.name}: writing ${count.toLocaleString('en-US')} deliveries`)
      let halfWay = ''
      const server = bench.own(
        await empty.restart(async () => {
          const past = { executableId: executable.id, count, targets: TARGETS, states: STATES }
          halfWay = await engine.fill(empty, past)
        }),
      )
      const target = `&target=${encodeURIComponent(TARGETS[3]!)}`
      const asked = {
        'the newest': '',
        'half-way down': `&cursor=${halfWay}`,
        'failed ones': '&state=failed',
        'failed ones, half-way down': `&state=failed&cursor=${halfWay}`,
        'of one target': target,
        'failed ones of one target': `&state=failed${target}`,
      }
      for (const [what, query] of Object.entries(asked)) {
        const path = `/api/executables/${executable.id}/deliveries?limit=${PAGE}${query}`
        const p95s: number[] = []
        for (let round = 0; round < rounds; round++) {
          const times: number[] = []
          for (let page = 0; page < pages; page++) {
            times.push(await timePage(server, executable, path))
          }
          p95s.push(percentile(times, 0.95))
        }
        bench.progress(`${engine.name}, ${what}: ${p95s.at(-1)!.toFixed(2)} ms`)
        figures.push({
          target: 'history/page',
          name: 'p95 of a page',
          variant: `${what}, ${engine.name}`,
          value: spreadOf(p95s),
          unit: 'ms',
        })
      }
    }
    return { measured: [], figures, notes: [] }
  },
}

async function timePage(server: Wasmhook, of: Executable, path: string): Promise<number> {
  const begun = performance.now()
  const answer = await fetch(server.origin + path, { headers: { SSVM_Admin_Key: of.adminKey } })
  const { items } = (await answer.json()) as { items: unknown[] }
  const tookMs = performance.now() - begun
  if (items.length !== PAGE) throw new Error(`${path} answers ${items.length} deliveries.`)
  return tookMs
}
