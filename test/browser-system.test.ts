// What the operator sees of the server in a real browser: its figures, and those of its functions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NO_BROWSER, consoleSuite, overflow, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, upload } from './helpers/client.ts'
import { example } from './helpers/guests.ts'

const GOOD = '{"currency":"EUR","items":[{"name":"tea","quantity":2,"price_cents":350}]}'

describe('the console tells the operator', { skip: NO_BROWSER }, () => {
  const { serve, openPage } = consoleSuite({ RUN_FLUSH_MS: 1 })

  const counted = async (app: TestApp): Promise<number[]> => {
    const page = (await (await app.request('/api/functions')).json()) as {
      items: { last_hour: { calls: number } }[]
    }
    return page.items.map((one) => one.last_hour.calls)
  }

  test('what came of the last hour, function by function', async () => {
    const app = await serve()
    const order = await upload(app, await example('order'))
    await upload(app, await example('hello'))
    await (await call(app, order, 'total', { body: GOOD })).text()
    await (await call(app, order, 'total', { body: '{}' })).text()
    while (!(await counted(app)).includes(2));
    const { page, faults } = await openPage(app.origin)
    const row = (id: number) => page.getByRole('row').filter({ hasText: String(id) })
    await row(order.id).getByText('2 calls').waitFor()
    await row(order.id).getByText(', 1 failed').waitFor()
    await page.getByRole('img', { name: '2 calls, 1 failed, by five minutes' }).waitFor()
    await page.getByText('no calls').waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('how the server does, and how it is set', async () => {
    const app = await serve({ COMPILE_QUEUE_LENGTH: 12 })
    const { page, faults } = await openPage(`${app.origin}/#/system`)
    await page.getByRole('heading', { name: 'Event loop delay' }).waitFor()
    await page.getByRole('img', { name: /^Memory while this page is open; now \d/ }).waitFor()
    await page.getByText('SQLite', { exact: false }).waitFor()
    await page.getByRole('row', { name: 'Deliveries 0 nothing waits' }).waitFor()
    await page.getByLabel('Name').fill('compile_queue_l')
    assert.equal(await page.getByRole('table').last().getByRole('row').count(), 2)
    await page.getByRole('row', { name: 'COMPILE_QUEUE_LENGTH 12' }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Name').fill('no such')
    await page.getByText('No setting is called that.').waitFor()
    assert.deepEqual(faults, [])
  })

  test('that the server is gone, beside what it told last', async () => {
    const app = await serve()
    const { page } = await openPage(`${app.origin}/#/system`)
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    await app.close()
    await page.getByText('UNREACHABLE').waitFor()
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    assert.deepEqual(await violations(page), [])
  })

  test('that a page could not be drawn, and goes on with the others', async () => {
    const app = await serve()
    const { page } = await openPage(app.origin)
    // As a server of another version would.
    await page.route('**/api/system', (route) => route.fulfill({ json: { queues: 7 } }))
    await page.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'This page could not be drawn' }).waitFor()
    await page.getByText('The console and the server may be of different versions').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('link', { name: 'Functions' }).click()
    await page.getByText('There are no functions yet').waitFor()
    await page.route('**/api/deliveries?*state=*', (route) => route.fulfill({ json: {} }))
    await page.goto(`${app.origin}/#/deliveries?state=pending`)
    await page.getByRole('heading', { name: 'This page could not be drawn' }).waitFor()
    await page.getByRole('link', { name: 'Deliveries' }).click()
    await page.getByRole('heading', { name: 'Deliveries' }).waitFor()
    await page.route('**/api/token', (route) => route.fulfill({ json: {} }))
    await page.reload()
    await page.getByRole('heading', { name: 'This page could not be drawn' }).waitFor()
    await page.unroute('**/api/token')
    await page.getByRole('button', { name: 'Load it again' }).click()
    await page.unroute('**/api/system')
    await page.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
  })

  test('on a phone, in the dark', async () => {
    const app = await serve()
    await upload(app, await example('hello'))
    const { page } = await openPage(`${app.origin}/#/system`, { width: 360, dark: true })
    await page.getByRole('heading', { name: 'Event loop delay' }).waitFor()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
  })
})
