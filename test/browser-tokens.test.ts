// What the console shows of a tenant's webhooks to whom: by the rights of the token that one signs in with.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NO_BROWSER, consoleSuite, press, signIn, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'

const API_TOKEN = 'a-token-that-is-long-enough-0123'

describe('the console', { skip: NO_BROWSER }, () => {
  const { serve, openPage } = consoleSuite({ API_TOKEN })

  /** As the operator. */
  async function post(app: TestApp, path: string, body: object): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${API_TOKEN}` }
    const given = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await app.request(path, given)
    assert.equal(response.status, 201)
    return (await response.json()) as Record<string, unknown>
  }

  const addType = (app: TestApp, tenant: string, name: string) =>
    post(app, '/api/event-types', { tenant, name })

  test('shows a tenant its own alone, by a token that the operator makes and revokes', async () => {
    const app = await serve()
    await addType(app, 'acme', 'order.created')
    await addType(app, 'globex', 'secret.plan')
    const { page, faults } = await openPage(`${app.origin}/#/webhooks`)
    await signIn(page, API_TOKEN)
    await page.getByRole('link', { name: 'globex', exact: true }).waitFor()
    await page.getByRole('link', { name: 'acme', exact: true }).click()
    await page.getByRole('link', { name: 'Tokens' }).click()
    await page.getByText('There are no tokens yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('read:').uncheck()
    await press(page, 'Make the token')
    await page.getByText('Choose what it may do.').waitFor()
    await page.getByLabel('read:').check()
    await page.getByLabel('Description').fill('of the shop')
    await press(page, 'Make the token')
    await page.getByText('This is the new token').waitFor()
    const token = await page.locator('.secret code').innerText()
    await page.getByRole('cell', { name: 'active' }).waitFor()
    assert.deepEqual(await violations(page), [])

    await press(page, 'Sign out')
    await page.goto(app.origin)
    await signIn(page, token)
    await page.getByText('There are no endpoints yet').waitFor()
    assert.match(page.url(), /#\/webhooks\/acme\/endpoints$/)
    const pages = page.getByRole('navigation', { name: 'Pages' })
    assert.doesNotMatch(await pages.innerText(), /Functions|Runs|System/)
    assert.equal(await page.getByRole('link', { name: 'Tokens' }).count(), 0)
    // It may read, and so is offered nothing to change.
    assert.equal(await page.getByRole('button', { name: 'Make the endpoint' }).count(), 0)
    assert.deepEqual(await violations(page), [])
    await page.getByRole('link', { name: 'Event types' }).click()
    await page.getByRole('link', { name: 'order.created', exact: true }).waitFor()
    await page.goto(`${app.origin}/#/webhooks/globex/event-types`)
    await page.getByText('a token of the tenant acme, which sees nothing of globex').waitFor()
    assert.equal(await page.getByText('secret.plan').count(), 0)
    await page.goto(`${app.origin}/#/system`)
    await page.getByText("This page is the operator's.").waitFor()
    assert.deepEqual(await violations(page), [])

    await press(page, 'Sign out')
    await signIn(page, API_TOKEN)
    await page.goto(`${app.origin}/#/webhooks/acme/tokens`)
    await press(page, /^Revoke wht_/)
    await press(page, 'Revoke it for good')
    await page.getByRole('cell', { name: 'revoked' }).waitFor()
    await press(page, 'Sign out')
    await signIn(page, token)
    await page.getByText('WRONG_KEY').waitFor()
    assert.deepEqual(faults, [])
  })

  test('shows a token that may publish alone nothing but that', async () => {
    const app = await serve()
    await addType(app, 'acme', 'order.created')
    const rights = ['publish']
    const { token } = await post(app, '/api/tokens', { tenant: 'acme', rights })
    const { page, faults } = await openPage(app.origin)
    await signIn(page, String(token))
    await page.getByText('This token may publish, and not read.').waitFor()
    assert.deepEqual(await page.locator('nav a').allInnerTexts(), ['Webhooks', 'acme', 'Messages'])
    await page.getByLabel('Type').fill('order.created')
    await page.getByLabel('Payload').fill('{"order":1}')
    await press(page, 'Publish')
    await page.getByText('Published', { exact: true }).waitFor()
    // It could not read it either.
    assert.equal(await page.getByRole('link', { name: 'Open the message' }).count(), 0)
    await page.goto(`${app.origin}/#/webhooks/acme/sources`)
    await page.getByText('This page needs the right to read').waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })
})
