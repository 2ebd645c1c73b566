// The pages of the console beside a long history: how long until each shows what it has, in a real browser.
import type { Browser, CDPSession } from 'playwright-core'
import { hasChromium, launchChromium } from '../../scripts/chromium.ts'
import { startEngines } from '../engines.ts'
import { memoryOf } from '../process-usage.ts'
import { spreadOf } from '../statistics.ts'
import type { Executable, Wasmhook } from '../wasmhook.ts'
import type { Figure, Workload } from '../workload.ts'
import { durableHello } from './durable.ts'

const HISTORY = 100_000
const QUICK_HISTORY = 10_000
const TARGETS = Array.from({ length: 20 }, (_, at) => `https://target-${at}.example:443`)
/** One in fifty failed. */
const STATES = Array.from({ length: 50 }, (_, at) => (at === 0 ? 'exhausted' : 'succeeded'))
const TENANT = 'acme'
const ENDPOINTS = 50

export const consolePages: Workload = {
  name: 'console',
  summary:
    `Each page of the console beside ${HISTORY.toLocaleString('en-US')} runs and deliveries, in Chromium: ` +
    'from an empty tab to what it shows.',
  async run(bench) {
    if (!hasChromium) {
      return { measured: [], figures: [], notes: ['There is no Chromium here (CHROMIUM_PATH).'] }
    }
    const { quick, rounds } = bench.options
    const count = quick ? QUICK_HISTORY : HISTORY
    const browser = bench.own(await launchChromium())
    const figures: Figure[] = []
    for (const engine of await startEngines(bench)) {
      const { server: empty } = await engine.wasmhook({ RUNS_KEPT: String(HISTORY) })
      const { executable } = await durableHello(engine.name, { server: empty, note: '' })
      await subscribe(empty)
      bench.progress(`${engine.name}: writing ${count.toLocaleString('en-US')} runs and deliveries`)
      let middle = ''
      const server = bench.own(
        await empty.restart(async () => {
          const past = { executableId: executable.id, count, targets: TARGETS, states: STATES }
          middle = await engine.fill(empty, { ...past, withRuns: true })
        }),
      )
      for (const [name, path] of Object.entries(await pagesOf(server, executable, middle))) {
        const shownMs: number[] = []
        const megabytes: number[] = []
        for (let round = 0; round < rounds; round++) {
          const seen = await show(browser, `${server.origin}/#/${path}`, executable)
          shownMs.push(seen.ms)
          megabytes.push(seen.bytes / 1e6)
        }
        bench.progress(`${engine.name}, ${name}: ${shownMs.at(-1)!.toFixed(0)} ms`)
        const variant = `${name}, ${engine.name}`
        figures.push(
          {
            target: 'console/shown',
            name: 'shown in',
            variant,
            value: spreadOf(shownMs),
            unit: 'ms',
          },
          {
            target: 'console/memory',
            name: 'memory of its process',
            variant,
            value: spreadOf(megabytes),
            unit: 'MB',
          },
        )
      }
    }
    return { measured: [], figures, notes: NOTES }
  },
}

const NOTES = [
  'Each page is opened in a session of its own, so that nothing is in its cache; it is shown once nothing of it is loading any more and two frames have passed.',
  'The memory is what the process of the page has resident of its own, files left out.',
]

/** A tenant whose webhooks the pages show. */
async function subscribe(server: Wasmhook): Promise<void> {
  const post = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(server.origin + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: TENANT, ...body }),
    })
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  await post('/api/event-types', { name: 'order.created' })
  for (let at = 0; at < ENDPOINTS; at++) {
    await post('/api/endpoints', { url: `https://target-${at}.example/`, event_types: ['order.*'] })
  }
  await post('/api/bins', {})
}

/** Names and paths. */
async function pagesOf(
  server: Wasmhook,
  { id }: Executable,
  deliveryId: string,
): Promise<Record<string, string>> {
  const newest = await fetch(`${server.origin}/api/runs?limit=1`)
  const { items } = (await newest.json()) as { items: { run_id: string }[] }
  const ofTenant = `webhooks/${TENANT}`
  return {
    functions: '',
    'a function': `functions/${id}`,
    settings: `functions/${id}/settings`,
    runs: 'runs',
    'failed runs': 'runs?status=failed',
    'a run': `runs/${items[0]!.run_id}`,
    deliveries: 'deliveries',
    'failed deliveries': 'deliveries?state=failed',
    'a delivery': `deliveries/${deliveryId}`,
    webhooks: 'webhooks',
    endpoints: `${ofTenant}/endpoints`,
    'event types': `${ofTenant}/event-types`,
    messages: `${ofTenant}/messages`,
    sources: `${ofTenant}/sources`,
    bins: `${ofTenant}/bins`,
    system: 'system',
  }
}

/** Opens it in a session of its own, signed in as the owner of the function. */
async function show(
  browser: Browser,
  url: string,
  { id, adminKey }: Executable,
): Promise<{ ms: number; bytes: number }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  try {
    const page = await context.newPage()
    await page.addInitScript(`sessionStorage.setItem('wasmhook.admin-key.${id}', '${adminKey}')`)
    await page.goto(url, { waitUntil: 'commit' })
    const ms = await page.evaluate<number>(WHEN_SHOWN)
    const text = await page.locator('main').innerText()
    if (/There is no such page|\bTry again\b/.test(text)) {
      throw new Error(`${url} does not show what it is to: ${text.slice(0, 500)}`)
    }
    const bytes = await ownMemory(await browser.newBrowserCDPSession())
    return { ms, bytes }
  } finally {
    await context.close()
  }
}

/** Milliseconds from the begin of the navigation. */
const WHEN_SHOWN = `new Promise((resolve) => {
  const look = () => {
    const main = document.querySelector('main')
    const loading = main === null || main.querySelector('h1') === null ||
      [...main.querySelectorAll('.muted')].some((one) => /^Loading/.test(one.textContent))
    if (loading) requestAnimationFrame(look)
    else requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
  }
  look()
})`

/** Of the process that draws the page: only one is alive, since each session is closed before the next. */
async function ownMemory(session: CDPSession): Promise<number> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => memoryOf(id).anonymousBytes)
  return Math.max(...sizes)
}
