// Writes the pictures of the console in docs/images: `npm run pictures`. It fills a server of its own by its API, as its users
// would, and looks at each page in Chromium.
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import type { Page } from 'playwright-core'
import { startApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { launchChromium } from './chromium.ts'

const IMAGES = fileURLToPath(new URL('../docs/images', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../examples-rust', import.meta.url))
const TENANT = 'acme'
const SIZE = { width: 1200, height: 760 }

/** The server's clock: an hour goes by while it is filled. */
let behindMs = 57 * 60_000

const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-pictures-'))
const shop = await startShop()
const config = loadConfig({
  PORT: '0',
  DATA_DIR: dataDir,
  LOG_LEVEL: 'silent',
  OUTBOUND_ALLOW: '127.0.0.1',
  RUN_FLUSH_MS: '1',
})
const now = (): number => Date.now() - behindMs
const app = await startApp({ config, logger: pino({ level: 'silent' }), now })
const browser = await launchChromium()
try {
  await mkdir(IMAGES, { recursive: true })
  const filled = await fill()
  const context = await browser.newContext({ viewport: SIZE, reducedMotion: 'reduce' })
  const page = await context.newPage()
  for (const [id, key] of Object.entries(filled.keys)) {
    await page.addInitScript(`sessionStorage.setItem('wasmhook.admin-key.${id}', '${key}')`)
  }
  for (const [name, { at, before }] of Object.entries(pagesOf(filled))) {
    await page.goto(`${app.origin}/#/${at}`)
    await page.reload()
    await page.locator('h1').waitFor()
    await before?.(page)
    await page.waitForLoadState('networkidle').catch(() => undefined)
    await page.screenshot({ path: path.join(IMAGES, `console-${name}.png`) })
    console.log(`docs/images/console-${name}.png`)
  }
} finally {
  await browser.close()
  await app.close()
  shop.close()
  await rm(dataDir, { recursive: true, force: true })
}

/** A target that takes most of what it is sent. */
async function startShop() {
  const server = createServer((request, reply) => {
    request.resume()
    const down = request.url?.includes('billing') === true
    reply.writeHead(down ? 503 : 200, { 'content-type': 'application/json' })
    reply.end(down ? '{"error":"billing is down"}' : '{"taken":true}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() }
}

type Filled = Awaited<ReturnType<typeof fill>>

async function fill() {
  const greeter = await upload('hello', 'Greeter')
  const order = await upload('order', 'Order totals')
  const caption = await upload('caption', 'Photo captions')
  await upload('email', 'Mail')
  await post('/api/event-types', { tenant: TENANT, name: 'order.created' })
  await post('/api/event-types', { tenant: TENANT, name: 'order.paid' })
  const endpoint = (url: string, description: string, types: string[]) =>
    post('/api/endpoints', { tenant: TENANT, url, description, event_types: types })
  const { endpoint_id: endpointId } = await endpoint(`${shop.origin}/orders`, 'Warehouse', [
    'order.*',
  ])
  await endpoint(`${shop.origin}/billing`, 'Billing', ['order.paid'])
  const bin = await post('/api/bins', { tenant: TENANT })

  const good = '{"currency":"EUR","items":[{"name":"tea","quantity":2,"price_cents":350}]}'
  const retry = { schedule_ms: [3_600_000] }
  for (let slot = 0; slot < 12; slot++) {
    for (let n = 0; n < 3 + ((slot * 7) % 9); n++) await run(greeter, 'say', `visitor ${n}`)
    for (let n = 0; n < 2 + ((slot * 5) % 6); n++) await run(order, 'total', n === 3 ? '{}' : good)
    const type = slot % 3 === 0 ? 'order.paid' : 'order.created'
    const payload = { order: 1000 + slot, total_cents: 700 }
    await post('/api/messages', { tenant: TENANT, type, payload, id: `order-${1000 + slot}` })
    const target = `${shop.origin}/${slot % 4 === 0 ? 'billing' : 'orders'}`
    await run(order, 'total', good, {
      prefer: 'respond-async',
      SSVM_Callback: JSON.stringify({ ...optionsOf(target), retry }),
    })
    behindMs -= 5 * 60_000
  }
  behindMs = Math.max(0, behindMs)
  await run(greeter, 'say', 'hello from a function', { SSVM_Callback: bin.url ?? '' })
  return { keys: keysOf([greeter, order, caption]), order, endpointId, bin }
}

function pagesOf({ order, endpointId, bin }: Filled) {
  const webhooks = `webhooks/${TENANT}`
  return {
    functions: { at: '' },
    function: { at: `functions/${order.wasm_id}`, before: callOrder },
    settings: { at: `functions/${order.wasm_id}/settings` },
    runs: { at: 'runs' },
    run: { at: 'runs?status=failed', before: openFirst },
    deliveries: { at: 'deliveries' },
    delivery: { at: 'deliveries?state=pending', before: openFirst },
    endpoints: { at: `${webhooks}/endpoints` },
    endpoint: { at: `${webhooks}/endpoints/${endpointId}` },
    messages: { at: `${webhooks}/messages` },
    bin: { at: `${webhooks}/bins/${bin.bin_id}` },
    // A few of its samples make a line.
    system: { at: 'system', before: (page: Page) => page.waitForTimeout(15_000) },
  } satisfies Record<string, { at: string; before?: (page: Page) => Promise<void> }> as Record<
    string,
    { at: string; before?: (page: Page) => Promise<void> }
  >
}

async function callOrder(page: Page): Promise<void> {
  const item = { name: 'tea', quantity: 2, price_cents: 350 }
  await page.getByLabel('Kind of input').selectOption('JSON')
  await page
    .getByLabel('Input', { exact: true })
    .fill(JSON.stringify({ currency: 'EUR', items: [item] }))
  await page.getByRole('button', { name: 'Call total' }).click()
  await page.getByText('total_cents:', { exact: true }).waitFor()
  await page.evaluate(`document.querySelector('form.call').scrollIntoView()`)
}

async function openFirst(page: Page): Promise<void> {
  await page.locator('tbody tr a').first().click()
  await page.locator('main dl').first().waitFor()
}

interface Uploaded {
  wasm_id: number
  SSVM_Admin_Key: string
}

async function upload(name: string, description: string): Promise<Uploaded> {
  const response = await fetch(`${app.origin}/api/executables`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', SSVM_Description: description },
    body: await readFile(path.join(EXAMPLES, name, `${name}.wasm`)),
  })
  return (await response.json()) as Uploaded
}

async function run(
  { wasm_id: id }: Uploaded,
  fn: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const response = await fetch(`${app.origin}/api/run/${id}/${fn}`, {
    method: 'POST',
    body,
    headers,
  })
  await response.arrayBuffer()
}

async function post(route: string, body: object): Promise<Record<string, string>> {
  const response = await fetch(app.origin + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${route} answers ${response.status}: ${await response.text()}`)
  return (await response.json()) as Record<string, string>
}

function optionsOf(url: string) {
  const { protocol, hostname, port, pathname } = new URL(url)
  return { protocol, hostname, port: Number(port), path: pathname, method: 'POST' }
}

function keysOf(uploaded: readonly Uploaded[]): Record<string, string> {
  return Object.fromEntries(uploaded.map((one) => [one.wasm_id, one.SSVM_Admin_Key]))
}
