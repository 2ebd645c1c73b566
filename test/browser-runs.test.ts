// The console's runs in a real browser: the list that fills as they end, and one run with what it spent its time on.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, consoleSuite, overflow, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { accept, ended } from './helpers/durable-runs.ts'
import { example, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

describe('runs in the console', { skip: NO_BROWSER }, () => {
  const { serve, openPage } = consoleSuite()

  /** The id of the run that it made. */
  async function run(app: TestApp, one: Uploaded, fn: string, body = 'x'): Promise<string> {
    const response = await call(app, one, fn, { body })
    await response.arrayBuffer()
    return response.headers.get('wasmhook-run') ?? ''
  }

  const state = (page: Page) => page.getByRole('main').getByRole('status')
  const live = (page: Page) => state(page).getByText('Live', { exact: true }).waitFor()
  const row = (page: Page, runId: string) => page.locator(`tr:has(a[href*="${runId}"])`)

  test('are listed as they end, until the list is paused', async () => {
    const app = await serve()
    const { page, faults } = await openPage(`${app.origin}/#/runs`)
    await page.getByText('Nothing has run yet').waitFor()
    await live(page)
    const line = page.getByRole('region', { name: 'curl line that calls a function' })
    assert.match(await line.innerText(), new RegExp(`${app.origin}/api/run/ID/FUNCTION`))
    assert.deepEqual(await violations(page), [])

    const one = await upload(app, await guest('echo'))
    const first = await run(app, one, 'echo')
    await row(page, first).getByText('succeeded').waitFor()
    const second = await run(app, one, 'echo')
    await row(page, second).waitFor()
    assert.ok(await page.locator(`tbody tr:first-child a[href*="${second}"]`).isVisible())
    assert.deepEqual(await violations(page), [])

    await page.getByRole('button', { name: 'Pause' }).click()
    await state(page).getByText('Paused').waitFor()
    const third = await run(app, one, 'echo')
    assert.equal(await page.locator('tbody tr').count(), 2)
    await page.getByRole('button', { name: 'Refresh' }).click()
    await row(page, third).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Resume' }).click()
    await live(page)
    await row(page, await run(app, one, 'echo')).waitFor()
    assert.equal(await page.locator('tbody tr').count(), 4)
    assert.deepEqual(faults, [])
  })

  test('are listed by status, function and error code, which the address says', async () => {
    const app = await serve()
    const echo = await upload(app, await guest('echo'))
    const order = await upload(app, await example('order'))
    const good = await run(app, echo, 'echo')
    const bad = await run(app, order, 'total', '{}')
    const { page } = await openPage(`${app.origin}/#/runs`)
    await row(page, good).waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await row(page, good).waitFor({ state: 'detached' })
    await row(page, bad).getByText('FUNCTION_ERROR').waitFor()
    assert.match(page.url(), /#\/runs\?status=failed$/)
    await live(page)
    await run(app, echo, 'echo')
    const worse = await run(app, order, 'total', '{}')
    await row(page, worse).waitFor()
    assert.equal(await page.locator('tbody tr').count(), 2)
    await page.getByLabel('Function').fill(String(echo.id))
    await page.keyboard.press('Enter')
    await page.getByText('No run matches.').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Function').fill('echo')
    await page.keyboard.press('Enter')
    await page.getByText('BAD_REQUEST').waitFor()
    await state(page).getByText('Not connected', { exact: true }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Show all' }).click()
    await row(page, good).waitFor()
    await page.getByLabel('Error code').fill('FUNCTION_ERROR')
    await page.keyboard.press('Enter')
    await row(page, good).waitFor({ state: 'detached' })
    await row(page, bad).waitFor()
  })

  test('leave a filter alone that is being typed, and show none that does not hold', async () => {
    const app = await serve()
    const one = await upload(app, await guest('echo'))
    const first = await run(app, one, 'echo')
    const { page } = await openPage(`${app.origin}/#/runs?status=nonsense`)
    await row(page, first).waitFor()
    assert.equal(await page.getByLabel('Status').inputValue(), '')
    await live(page)
    await page.getByLabel('Error code').pressSequentially('TRA')
    await row(page, await run(app, one, 'echo')).waitFor()
    await page.keyboard.type('P')
    await page.keyboard.press('Enter')
    await page.getByText('No run matches.').waitFor()
    assert.match(page.url(), /#\/runs\?code=TRAP$/)
    await page.goBack()
    await row(page, first).waitFor()
    assert.equal(await page.getByLabel('Error code').inputValue(), '')
  })

  test('are not said to be missing because others were', async () => {
    const app = await serve()
    const one = await upload(app, await guest('echo'))
    for (let count = 0; count < 21; count++) await run(app, one, 'echo')
    const { page } = await openPage(`${app.origin}/#/runs`)
    await live(page)
    await page.route(/cursor=/, (route) => route.fulfill({ status: 502, body: 'Bad gateway' }))
    await page.getByRole('button', { name: 'Show older runs' }).click()
    await page.getByText('UNEXPECTED_ANSWER').waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByText('No run matches.').waitFor()
    await page.getByLabel('Status').selectOption('any')
    await page.locator('tbody tr').first().waitFor()
    assert.equal(await page.getByText('UNEXPECTED_ANSWER').count(), 0)
  })

  test('come again when the server was away', async () => {
    const token = 'a-token-that-is-long-enough-0123'
    const app = await serve({ API_TOKEN: token })
    const { page } = await openPage(`${app.origin}/#/runs`)
    await page.getByLabel('API token').fill(token)
    await page.keyboard.press('Enter')
    await live(page)
    await app.close()
    await state(page).getByText('Not connected, trying again').waitFor()
    assert.deepEqual(await violations(page), [])
    await app.restart({ PORT: new URL(app.origin).port })
    await live(page)
  })

  test('come by hundreds a second, of which a bounded part is shown', async () => {
    const app = await serve({ QUEUE_LENGTH: 10_000 })
    const one = await upload(app, await guest('echo'))
    const { page, faults } = await openPage(`${app.origin}/#/runs`)
    await live(page)
    let calling = true
    const caller = async () => {
      while (calling) await run(app, one, 'echo')
    }
    const callers = Array.from({ length: 16 }, caller)
    await page.getByText('These are the newest that came').waitFor()
    assert.equal(await page.locator('tbody tr').count(), 500)
    // It is no slower to answer than any page.
    await page.getByRole('button', { name: 'Pause' }).click()
    await state(page).getByText('Paused').waitFor()
    calling = false
    await Promise.all(callers)
    assert.equal(await page.getByRole('button', { name: 'Show older runs' }).count(), 0)
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Refresh' }).click()
    await page.locator('tbody tr:nth-child(21)').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Show older runs' }).click()
    await page.locator('tbody tr:nth-child(40)').waitFor()
    assert.deepEqual(faults, [])
  })

  test('fit a phone, in the dark', async () => {
    const app = await serve()
    const order = await upload(app, await example('order'))
    const bad = await run(app, order, 'total', '{}')
    const { page } = await openPage(`${app.origin}/#/runs`, { width: 360, dark: true })
    await row(page, bad).waitFor()
    await live(page)
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
    await row(page, bad).locator('a').first().click()
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
  })

  test('are each shown with their time, inputs, tries, log, deliveries and result', async (t) => {
    const app = await serve()
    const service = await httpService(t, ({ path }, reply) => {
      reply.writeHead(path.startsWith('/away') ? 503 : 200).end('five!')
    })
    const one = await upload(app, await guest('echo'))
    const id = await accept(app, one, 'echo', {
      headers: { SSVM_Fetch: `${service.origin}/in?key=SECRET`, SSVM_Callback: service.origin },
    })
    await ended(app, id)
    const { page, faults } = await openPage(`${app.origin}/#/runs`)
    await row(page, id).locator('a').first().click()
    await page.getByRole('heading', { name: 'Run of echo' }).waitFor()
    const stages = page.getByRole('table', { name: 'What it spent its time on' })
    assert.match(
      await stages.innerText(),
      /fetch.*inputs were fetched[^]*queue[^]*instantiate[^]*run/,
    )
    await page.getByRole('cell', { name: service.origin }).waitFor()
    await page.getByText('It wrote nothing to stdout or stderr.').waitFor()
    assert.match(
      (await page.getByRole('link', { name: /^Delivery/ }).getAttribute('href')) ?? '',
      /^#\/deliveries\/[0-9a-f-]{36}$/,
    )
    assert.doesNotMatch(await page.content(), /SECRET/)
    await page.getByRole('button', { name: 'Show the result' }).click()
    assert.equal(await page.getByRole('region', { name: 'Result text' }).innerText(), 'five!')
    assert.deepEqual(await violations(page), [])

    await page.goto(`${app.origin}/#/runs/${await run(app, one, 'echo')}`)
    await page.getByText('None is kept.').waitFor()
    await page.getByText('Its input came with it: 1 B.').waitFor()
    assert.deepEqual(await violations(page), [])

    const failing = await accept(app, one, 'echo', {
      headers: {
        SSVM_Fetch: `${service.origin}/away`,
        'wasmhook-retry': '{"schedule_ms":[100],"on":["fetch"]}',
      },
    })
    await ended(app, failing)
    await page.goto(`${app.origin}/#/runs/${failing}`)
    await page.getByText('Check that the URL can be reached').waitFor()
    await page.getByRole('cell', { name: 'did not come' }).waitFor()
    const tries = page.getByRole('region', { name: 'Table of tries' })
    assert.match(await tries.innerText(), /UPSTREAM_FAILED/)
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('that go on are looked at again, and canceled', async () => {
    const app = await serve({ RUN_TIMEOUT_MS: 60_000, RUN_TIMEOUT_MS_MAX: 60_000 })
    const one = await upload(app, await guest('echo'))
    const id = await accept(app, one, 'spin', { body: 'x' })
    const { page } = await openPage(`${app.origin}/#/runs/${id}`)
    await page.getByText('It has not begun.').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Cancel this run' }).click()
    await page.getByRole('button', { name: 'Cancel it for good' }).click()
    await page.getByRole('status').getByText('canceled', { exact: true }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.goto(`${app.origin}/#/runs/nothing`)
    await page.getByText('NOT_FOUND').waitFor()
  })

  test('that go on are waited for, however slowly the server tells of them', async () => {
    const app = await serve()
    const one = await upload(app, await guest('echo'))
    const id = await run(app, one, 'echo')
    const ended = (await (await app.request(`/api/runs/${id}`)).json()) as object
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    let asked = 0
    const { page } = await openPage(app.origin)
    await page.clock.install()
    await page.route(`**/api/runs/${id}`, async (route) => {
      asked++
      if (asked === 1)
        return route.fulfill({ json: { ...ended, status: 'running', ended_at: null } })
      await held
      // A proxy fails once.
      return asked === 2 ? route.fulfill({ status: 502 }) : route.fulfill({ json: ended })
    })
    const state = page.getByRole('status')
    await page.goto(`${app.origin}/#/runs/${id}`)
    await state.getByText('running', { exact: true }).waitFor()
    const again = page.waitForRequest(/api\/runs/)
    await page.clock.runFor(1_000)
    await again
    await page.clock.runFor(5_000)
    assert.equal(asked, 2)
    release()
    await page.getByText('UNEXPECTED_ANSWER').waitFor()
    await state.getByText('running', { exact: true }).waitFor()
    await page.clock.runFor(1_000)
    await state.getByText('succeeded', { exact: true }).waitFor()
  })

  test('of a function with a usage key ask for its admin key', async () => {
    const app = await serve()
    const one = await upload(app, await guest('echo'))
    const url = `/api/keys/${one.id}/usage_key`
    const made = await app.request(url, { method: 'PUT', headers: admin(one) })
    const { SSVM_Usage_Key: key } = (await made.json()) as { SSVM_Usage_Key: string }
    const id = await accept(app, one, 'echo', { body: 'x', headers: { SSVM_Usage_Key: key } })
    const { page } = await openPage(`${app.origin}/#/runs`)
    await row(page, id).locator('a').first().click()
    await page.getByLabel('Admin key').fill(one.adminKey)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Timeline' }).waitFor()
    assert.doesNotMatch(page.url(), new RegExp(one.adminKey))
  })
})
