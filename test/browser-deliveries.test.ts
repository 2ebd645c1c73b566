// Deliveries in the console: found, read, sent again one by one and all at once, canceled; by the operator and a tenant.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { loadConfig } from '../src/config.ts'
import { createDeliveryRetention } from '../src/core/delivery-retention.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { NO_BROWSER, consoleSuite, overflow, signIn, tabTo, violations } from './helpers/browser.ts'
import type { Settings, TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { Clock, POLL, callback, failing } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'

const OPERATOR = 'a-token-that-is-long-enough-0123'
const HOUR_MS = 3_600_000
const NO_RETRY = { schedule_ms: [] }

interface Served {
  app: TestApp
  one: Uploaded
  target: HttpService
  /** What the target answers. */
  answer: { status: number }
  clock: Clock
}

async function done(app: TestApp, token: string, path: string, body: object) {
  const response = await app.request(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.ok(response.ok, path)
  return (await response.json()) as Record<string, unknown>
}

/** All payloads of what has ended, as their time is over. */
async function letGo({ dataDir }: TestApp, clock: Clock): Promise<void> {
  const storage = await openSqlite({ dataDir, secretKey: '' })
  const config = loadConfig({ DATA_DIR: dataDir })
  clock.ms += config.DELIVERY_PAYLOADS_KEPT_MS + 1
  const onError = (error: unknown): never => {
    throw error
  }
  await createDeliveryRetention({ storage, config, now: clock.now, onError }).round()
  await storage.close()
}

describe('the deliveries of the console', { skip: NO_BROWSER }, () => {
  const { scope, serve: serveWith, openPage } = consoleSuite(POLL)

  async function serve(settings: Settings = {}): Promise<Served> {
    const answer = { status: 500 }
    const target = await httpService(scope, (_request, reply) => {
      const body = JSON.stringify({ taken: answer.status === 200, by: { name: 'shop' } })
      reply.writeHead(answer.status, { 'content-type': 'application/json' }).end(body)
    })
    const clock = new Clock()
    const app = await serveWith(settings, { now: clock.now, chance: () => 0 })
    const keys = { authorization: `Bearer ${OPERATOR}` }
    return { app, one: await upload(app, await guest('echo'), keys), target, answer, clock }
  }

  const fail = ({ app, one, target }: Served, retry: object = NO_RETRY): Promise<string> =>
    failing(app, one, callback(target, retry))

  async function giveKey(page: Page, { one }: Served): Promise<void> {
    await page.getByLabel('Admin key').fill(one.adminKey)
    await page.keyboard.press('Enter')
  }

  const sound = async (page: Page): Promise<void> => assert.deepEqual(await violations(page), [])
  const fits = async (page: Page): Promise<void> => {
    assert.equal(await overflow(page), 0)
    await sound(page)
  }
  const factIs = (within: Page | Locator, name: string, value: string): Promise<void> =>
    within.locator(`.facts > div:has(dt:text-is("${name}")) dd:text-is("${value}")`).waitFor()
  const rows = (page: Page) => page.locator('tbody tr')

  async function rowsAre(page: Page, count: number): Promise<void> {
    if (count > 0)
      await rows(page)
        .nth(count - 1)
        .waitFor()
    await rows(page).nth(count).waitFor({ state: 'detached' })
  }

  test('lead from one that failed to its success, once its target is mended', async () => {
    const served = await serve()
    const { app, target, answer } = served
    const { page, faults } = await openPage(app.origin)
    await page.getByRole('link', { name: 'Deliveries' }).click()
    await page.getByText('There are no deliveries yet').waitFor()
    const teaches = page.getByRole('region', { name: 'curl line that makes a delivery' })
    assert.match(await teaches.innerText(), /SSVM_Callback.*"retry":/)
    await sound(page)

    await fail(served, { schedule_ms: [3_600_000] })
    const id = await fail(served)
    await page.getByLabel('State').selectOption('failed')
    await rowsAre(page, 1)
    assert.match(page.url(), /#\/deliveries\?state=failed$/)
    await page.getByRole('cell', { name: 'exhausted HTTP 500' }).waitFor()
    await sound(page)

    await page.getByRole('link', { name: /^Delivery of/ }).click()
    await giveKey(page, served)
    await page.getByRole('heading', { name: `Delivery to ${target.origin}` }).waitFor()
    assert.match(page.url(), new RegExp(`#/deliveries/${id}$`))
    await page.getByText('It was tried as often as its policy says.').waitFor()
    await rowsAre(page, 1)
    await page.getByRole('button', { name: 'Details of attempt 1' }).click()
    const request = page.locator('.headers').first()
    assert.match(await request.innerText(), new RegExp(`wasmhook-delivery\\s+${id}`, 'i'))
    await page.getByText('taken:', { exact: true }).waitFor()
    await sound(page)

    await page.getByRole('button', { name: 'Show it' }).click()
    assert.equal(await page.getByRole('region', { name: 'Result text' }).innerText(), 'result')
    await sound(page)

    answer.status = 200
    await page.getByRole('button', { name: 'Resend' }).click()
    await page.getByText('Its target took it.').waitFor()
    await rowsAre(page, 3)
    await page.getByRole('cell', { name: 'sent again by hand' }).waitFor()
    assert.equal(target.received.at(-1)?.headers['wasmhook-delivery'], id)
    await sound(page)
    assert.deepEqual(faults, [])
  })
  test('that match are sent again by a job, which shows how far it is and is canceled', async () => {
    const served = await serve({ API_TOKEN: OPERATOR })
    const { app, one, target, answer } = served
    for (let count = 0; count < 3; count++) await fail(served)
    const query = `state=failed&wasm_id=${one.id}`
    const { page, faults } = await openPage(`${app.origin}/#/deliveries?${query}`)
    await signIn(page, OPERATOR)
    await rowsAre(page, 3)
    await page.getByRole('button', { name: 'Resend all matching' }).click()
    const panel = page.getByRole('region', { name: 'Resend all matching' })
    await panel
      .getByText(`deliveries that are exhausted or discarded, of function ${one.id}`)
      .waitFor()
    // The clock of this server stands still: in its first second a job sends one, and then none.
    await panel.getByLabel('At most in a second').fill('many')
    await panel.getByText('Use a whole number above 0').waitFor()
    await sound(page)
    await panel.getByLabel('At most in a second').fill('1')
    await sound(page)
    await panel.getByRole('button', { name: 'Send them again' }).click()
    await panel.getByRole('button', { name: 'Yes, send all of them again' }).click()
    const progress = page.getByRole('region', { name: 'Being sent again' })
    await progress.getByRole('progressbar').waitFor()
    await factIs(progress, 'failed', '1')
    await sound(page)
    await progress.getByRole('button', { name: 'Cancel the job' }).click()
    await progress.getByRole('button', { name: 'Cancel it now' }).click()
    await progress.getByText('canceled').waitFor()
    assert.equal(target.received.length, 4)
    await progress.getByRole('button', { name: 'Close' }).click()

    answer.status = 200
    await page.getByRole('button', { name: 'Resend all matching' }).click()
    await page.getByRole('button', { name: 'Send them again' }).click()
    await page.getByRole('button', { name: 'Yes, send all of them again' }).click()
    await progress.getByText('finished').waitFor()
    await factIs(progress, 'succeeded', '3')
    await progress.getByRole('link', { name: 'see this job' }).click()
    await factIs(page, 'sent again', '3')
    await sound(page)
    await page.getByRole('link', { name: 'Those deliveries now' }).click()
    await page.getByText('No delivery matches.').waitFor()
    assert.equal(await page.getByLabel('State').inputValue(), 'exhausted,discarded')
    await page.getByRole('link', { name: 'Resend jobs' }).click()
    await rowsAre(page, 2)
    await page.getByText('3 sent, 0 failed').waitFor()
    await sound(page)
    await page.getByRole('link', { name: 'All deliveries' }).click()
    await rowsAre(page, 3)
    await page.getByLabel('State').selectOption('failed')
    await page.getByText('No delivery matches.').waitFor()
    await sound(page)
    assert.deepEqual(faults, [])
  })

  test('are canceled, and tell what is no longer kept', async () => {
    const served = await serve()
    const { app, one } = served
    const ended = await fail(served)
    served.answer.status = 503
    const waits = await fail(served, { interval_ms: 3_600_000, backoff: 2, retries: 3 })
    const { page, faults } = await openPage(`${app.origin}/#/deliveries/${waits}`)
    await giveKey(page, served)
    await page.getByText('It is tried again at').waitFor()
    await factIs(page, 'tried again', '3 times, 1 h apart, each pause 2 times the one before')
    await sound(page)
    // The target asked to be left alone, and the clock of this server stands still: the resend has to wait.
    await page.getByRole('button', { name: 'Resend' }).click()
    await page.getByText('It is being sent again').waitFor()
    await sound(page)
    await page.getByRole('button', { name: 'Take back the resend …' }).click()
    await page.getByRole('button', { name: 'Take it back' }).click()
    await page.getByText('It is tried again at').waitFor()
    await page.getByRole('button', { name: 'Cancel …' }).click()
    await page.getByRole('button', { name: 'Leave it' }).click()
    await page.getByRole('button', { name: 'Cancel …' }).click()
    await page.getByRole('button', { name: 'Cancel this delivery' }).click()
    await page.getByText('Somebody canceled it.').waitFor()
    await page.getByRole('button', { name: 'Cancel …' }).waitFor({ state: 'detached' })
    await sound(page)
    assert.deepEqual(faults, [])

    await app.close()
    await letGo(app, served.clock)
    const again = await app.restart()
    const later = await openPage(`${again.origin}/#/deliveries/${ended}`)
    await later.page.getByLabel('Admin key').fill(one.adminKey)
    await later.page.keyboard.press('Enter')
    await later.page.getByText('What it sent is no longer kept').waitFor()
    await later.page.getByRole('button', { name: 'Details of attempt 1' }).click()
    await later.page.getByText('Its body is no longer kept.').waitFor()
    await sound(later.page)
  })

  test('are found by when they were made, by function and by run', async () => {
    const served = await serve()
    const { app, one, clock } = served
    await fail(served)
    clock.ms += 24 * HOUR_MS
    await fail(served)
    const { page, faults } = await openPage(`${app.origin}/#/functions/${one.id}`)
    await page.getByRole('link', { name: 'Its deliveries' }).click()
    // The page before it asks for the key too.
    await page.getByRole('heading', { name: 'Deliveries', exact: true }).waitFor()
    await giveKey(page, served)
    await rowsAre(page, 2)
    const since = page.getByLabel('Made since')
    await since.fill('2026-01-01T20:00')
    await since.press('Enter')
    await rowsAre(page, 1)
    assert.match(decodeURIComponent(page.url()), /created_after=2026-01-0[12]T\d\d:00:00.000Z/)
    assert.equal(await since.inputValue(), '2026-01-01T20:00')
    await page.getByLabel('Run id').fill('no id')
    await page.getByLabel('Run id').press('Enter')
    await page.getByText('run_id must be the id of a run.').waitFor()
    await sound(page)
    await page.getByRole('button', { name: 'Show all' }).click()
    await rowsAre(page, 2)
    const items = (await (await app.request('/api/deliveries')).json()) as {
      items: { run_id: string }[]
    }
    const run = items.items[0]?.run_id ?? ''
    await page.goto(`${app.origin}/#/deliveries?run_id=${run}`)
    await rowsAre(page, 1)
    await page.getByRole('link', { name: /^Delivery of/ }).click()
    await page.getByRole('link', { name: run }).waitFor()
    assert.equal(await page.getByRole('link', { name: run }).getAttribute('href'), `#/runs/${run}`)
    assert.deepEqual(faults, [])
  })

  test('of a tenant are what its token shows, and all that it may do with them', async () => {
    const { app, target } = await serve({ API_TOKEN: OPERATOR })
    const tokens: Record<string, string> = {}
    for (const [tenant, right] of [
      ['acme', 'manage'],
      ['acme', 'read'],
      ['other', 'manage'],
    ] as const) {
      const body = { tenant, rights: [right] }
      tokens[`${tenant} ${right}`] = String((await done(app, OPERATOR, '/api/tokens', body)).token)
    }
    const acme = tokens['acme manage'] ?? ''
    await done(app, acme, '/api/event-types', { name: 'order.created' })
    const endpoint = await done(app, acme, '/api/endpoints', {
      ...{ url: target.origin, event_types: ['order.*'], retry: NO_RETRY },
    })
    const message = await done(app, acme, '/api/messages', {
      ...{ type: 'order.created', payload: { order: 1 } },
    })

    const asAcme = await openPage(`${app.origin}/#/deliveries`)
    await signIn(asAcme.page, acme)
    await rowsAre(asAcme.page, 1)
    assert.equal(await asAcme.page.getByLabel('Function id').count(), 0)
    await sound(asAcme.page)
    await asAcme.page.getByRole('link', { name: /^Delivery of/ }).click()
    const { page } = asAcme
    for (const [kind, id] of [
      ['endpoints', endpoint.endpoint_id],
      ['messages', message.message_id],
    ]) {
      const link = page.getByRole('link', { name: String(id) })
      assert.equal(await link.getAttribute('href'), `#/webhooks/acme/${String(kind)}/${String(id)}`)
    }
    await page.getByRole('button', { name: 'Show it' }).click()
    await page.getByText('order:', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Resend' }).click()
    await page.getByRole('cell', { name: 'sent again by hand' }).waitFor()
    await sound(page)

    const reader = await openPage(`${app.origin}/#/deliveries`)
    await signIn(reader.page, tokens['acme read'] ?? '')
    await rowsAre(reader.page, 1)
    assert.equal(await reader.page.getByRole('button', { name: /^Resend/ }).count(), 0)
    const stranger = await openPage(`${app.origin}/#/deliveries`)
    await signIn(stranger.page, tokens['other manage'] ?? '')
    await stranger.page.getByText('A message that an endpoint wants makes one').waitFor()
    await sound(stranger.page)
    assert.deepEqual([...asAcme.faults, ...reader.faults, ...stranger.faults], [])
  })

  test('fit a phone, are read in the dark, and are reached by keys', async () => {
    const served = await serve()
    const { app } = served
    await fail(served)
    const { page, faults } = await openPage(`${app.origin}/#/deliveries`, {
      ...{ width: 360, dark: true },
    })
    await rowsAre(page, 1)
    await page.getByText('More filters').click()
    await fits(page)
    await tabTo(page, /Resend all matching/)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Resend all matching' }).waitFor()
    await fits(page)
    await tabTo(page, /^Delivery of/)
    await page.keyboard.press('Enter')
    await giveKey(page, served)
    await page.getByRole('button', { name: 'Details of attempt 1' }).click()
    await fits(page)
    await page.goto(`${app.origin}/#/resends`)
    await page.getByText('Nothing was sent again as a job yet.').waitFor()
    await fits(page)
    assert.deepEqual(faults, [])
  })
})
