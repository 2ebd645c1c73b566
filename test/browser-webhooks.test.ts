// The pages of a tenant's webhooks in a real browser: from the first endpoint to a delivery.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, consoleSuite, overflow, press, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import { POLL } from './helpers/deliveries.ts'
import { example } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { verifiesHmac } from './helpers/signatures.ts'

const LARGE = '12345678901234567890'

type Json = Record<string, unknown>

describe('the webhooks of a tenant in the console', { skip: NO_BROWSER }, () => {
  const { serve, openPage } = consoleSuite(POLL)

  /** Says 200 and `taken`, or what is put into `answers`. */
  async function receiver(t: TestContext): Promise<HttpService & { answers: number[] }> {
    const answers: number[] = []
    const service = await httpService(t, (_request, reply) => {
      reply.writeHead(answers.shift() ?? 200, { 'content-type': 'text/plain' }).end('taken')
    })
    return Object.assign(service, { answers })
  }

  const post = async (app: TestApp, path: string, body: object): Promise<Json> => {
    const headers = { 'content-type': 'application/json' }
    const given = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await app.request(path, given)
    const text = await response.text()
    assert.ok(response.ok, text)
    return JSON.parse(text) as Json
  }

  const addType = (app: TestApp, tenant: string, fields: object = {}) =>
    post(app, '/api/event-types', { tenant, name: 'order.created', ...fields })

  async function addEndpoint(app: TestApp, tenant: string, url: string, fields: object = {}) {
    const body = { tenant, url, event_types: ['order.*'], ...fields }
    const made = await post(app, '/api/endpoints', body)
    return { id: String(made.endpoint_id), secret: String(made.secret) }
  }

  const publish = (app: TestApp, tenant: string, payload: unknown) =>
    post(app, '/api/messages', { tenant, type: 'order.created', payload })

  /** Until the message has a delivery in that state. */
  async function reached(app: TestApp, messageId: unknown, state: string): Promise<void> {
    for (;;) {
      const answer = await app.request(`/api/deliveries?message_id=${String(messageId)}`)
      const { items } = (await answer.json()) as { items: { state: string }[] }
      if (items.some((one) => one.state === state)) return
    }
  }

  async function look(page: Page, name: string): Promise<void> {
    const folder = process.env.SHOTS
    if (folder === undefined) return
    await mkdir(folder, { recursive: true })
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
  }

  test('lead from no tenant to a first endpoint, its secret and a test of it', async (t) => {
    const app = await serve()
    const target = await receiver(t)
    const { page, faults } = await openPage(`${app.origin}/#/webhooks`)
    await page.getByText('There are no tenants yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'tenants-empty')
    await page.getByLabel('Another tenant').fill('no tenant')
    await press(page, 'Open it')
    await page.getByText('Use 1 to 64 letters').waitFor()
    await page.getByLabel('Another tenant').fill('acme')
    await press(page, 'Open it')
    await page.getByText('There are no endpoints yet').waitFor()
    assert.deepEqual(await violations(page), [])

    await press(page, 'Make the endpoint')
    await page.getByText('Say which event types it gets').waitFor()
    await page.getByLabel('URL', { exact: true }).fill(`${target.origin}/in`)
    await page.getByLabel('Event types', { exact: true }).fill('order.*, invoice.paid')
    await page.getByLabel('Description').fill('the shop')
    await page.getByText('Headers, retries, pace').click()
    await page.getByLabel('Headers').fill('X-Shop: 7')
    await page.getByLabel('Payload filter').fill('{"path":"id","equals":9007199254740993}')
    await page.getByText('It would be rounded to 9007199254740992.').waitFor()
    await page.getByLabel('Payload filter').fill('{"path":')
    await page.getByText('This is not valid JSON yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-form')
    await press(page, 'Make the endpoint')
    await page.getByText('Correct the marked JSON.').waitFor()
    await page.getByLabel('Payload filter').fill('{"path":"nothing","exists":false}')
    await page.getByLabel('Attempts at most').fill('50')
    await press(page, 'Make the endpoint')
    await page.getByText('It is shown this once').waitFor()
    const secret = await page.locator('.secret code').innerText()
    assert.match(secret, /^whsec_/)
    await page.getByRole('cell', { name: 'enabled' }).waitFor()
    await page.getByText('nothing sent yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-made')

    await page.getByRole('link', { name: 'Open the endpoint and test it' }).click()
    await page.getByLabel('Payload', { exact: true }).fill('{"order":1}')
    await press(page, 'Test')
    const answer = page.getByRole('region', { name: 'Answer to the test' })
    await answer.getByText('succeeded').waitFor()
    assert.equal(
      await page.getByRole('region', { name: 'Body of the answer' }).innerText(),
      'taken',
    )
    const [sent] = target.received
    assert.ok(sent)
    assert.ok(verifiesHmac(sent, secret))
    assert.equal(sent.headers['x-shop'], '7')
    assert.equal(sent.headers['wasmhook-test'], 'true')
    assert.deepEqual((JSON.parse(String(sent.body)) as Json).data, { order: 1 })
    assert.equal(await page.getByText(secret).count(), 0)
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-tested')

    await press(page, 'Show what would be sent')
    const preview = page.getByRole('region', { name: 'What would be sent' })
    await preview.getByText('ready').waitFor()
    await preview.getByText('order: 1').waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-previewed')
    await page.getByLabel('Payload', { exact: true }).fill('{"nothing":1}')
    await press(page, 'Show what would be sent')
    await preview.getByText('filtered').waitFor()
    assert.equal(target.received.length, 1)

    await page.getByLabel('Payload', { exact: true }).fill('{"order":1}')
    target.answers.push(503)
    await press(page, 'Test')
    await answer.getByText('failed').waitFor()
    await answer.getByText('503').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('link', { name: 'Webhooks' }).first().click()
    await page.getByRole('link', { name: 'acme', exact: true }).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'tenants')
    assert.deepEqual(faults, [])
  })

  test('rotate a secret, disable and enable, replay what was missed, change and delete', async (t) => {
    const app = await serve()
    const target = await receiver(t)
    await addType(app, 'acme')
    const { id, secret } = await addEndpoint(app, 'acme', `${target.origin}/in`)
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/endpoints/${id}`)
    // By somebody else, whom this page does not know of.
    await post(app, `/api/endpoints/${id}/secret/rotate?tenant=acme`, { v1a: true, overlap_ms: 0 })
    await press(page, 'Rotate the secret …')
    assert.deepEqual(await violations(page), [])
    await press(page, 'Make a new secret')
    await page.getByText('The old one signs beside it until').waitFor()
    const rotated = await page.locator('.secret code').innerText()
    assert.notEqual(rotated, secret)
    await page.getByText('signs until').waitFor()
    const { message_id: first } = await publish(app, 'acme', { order: 1 })
    await reached(app, first, 'succeeded')
    const [sent] = target.received
    assert.ok(sent && verifiesHmac(sent, rotated) && !verifiesHmac(sent, secret))
    assert.match(String(sent.headers['webhook-signature']), /v1a,/)

    await press(page, 'Disable …')
    await press(page, 'Disable it and pause what waits')
    await page.getByText('by its owner').waitFor()
    assert.deepEqual(await violations(page), [])
    await publish(app, 'acme', { order: 2 })
    await press(page, 'Enable')
    await page.getByRole('heading', { name: 'Disable' }).waitFor()

    await press(page, 'Replay …')
    await look(page, 'endpoint-replay')
    assert.deepEqual(await violations(page), [])
    await press(page, /^Send all that it missed since/)
    const job = page.getByRole('region', { name: 'Job' })
    await job.getByText('finished').waitFor()
    assert.match(await job.innerText(), /sent\s+1/)
    await press(page, 'Refresh')
    await page.getByText('2', { exact: true }).first().waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-replayed')

    await page.getByRole('region', { name: 'Change' }).getByLabel('Description').fill('the shop')
    await press(page, 'Save the changes')
    await page.locator('main > p', { hasText: 'the shop' }).waitFor()
    await press(page, 'Delete this endpoint …')
    await press(page, 'Delete it for good')
    await page.getByText('There are no endpoints yet').waitFor()
    assert.deepEqual(faults, [])
  })

  test('resume what was paused, and recover what failed', async (t) => {
    const app = await serve()
    const target = await receiver(t)
    await addType(app, 'acme')
    const once = { retry: { schedule_ms: [] } }
    const { id } = await addEndpoint(app, 'acme', `${target.origin}/in`, once)
    target.answers.push(500)
    const { message_id: failed } = await publish(app, 'acme', { order: 1 })
    await reached(app, failed, 'exhausted')
    const later = new Date(Date.now() + 60_000).toISOString()
    const { message_id: waits } = await post(app, '/api/messages', {
      ...{ tenant: 'acme', type: 'order.created', payload: { order: 2 }, deliver_at: later },
    })
    await reached(app, waits, 'scheduled')
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/endpoints/${id}`)
    await page.getByText('failing').waitFor()
    await page.getByRole('img', { name: /: 0 taken, 1 failed/ }).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-failing')

    await press(page, 'Recover …')
    await press(page, /^Send all that failed since/)
    const job = page.getByRole('region', { name: 'Job' })
    await job.getByText('finished').waitFor()
    await reached(app, failed, 'succeeded')

    await press(page, 'Disable …')
    await press(page, 'Disable it and pause what waits')
    await page.getByText(', 1 paused').waitFor()
    await press(page, 'Enable')
    await press(page, 'Resume …')
    assert.deepEqual(await violations(page), [])
    await press(page, 'Send what is paused (1), the oldest first')
    await page.getByText(', 1 paused').waitFor({ state: 'detached' })
    await reached(app, waits, 'scheduled')
    assert.deepEqual(faults, [])
  })

  test('go to a function of this server, as its form and its changes say', async () => {
    const app = await serve()
    const { id: wasmId } = await upload(app, await example('hello'))
    await addType(app, 'acme', { example: { order: 7 } })
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/endpoints`)
    await page.getByLabel('Events go to').selectOption('a function of this server')
    await page.getByLabel('Event types', { exact: true }).fill('order.created')
    await press(page, 'Make the endpoint')
    await page.getByText('Give the id of the function').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Function id').fill(String(wasmId))
    await page.getByLabel('Export').fill('say')
    await press(page, 'Make the endpoint')
    await page.getByRole('link', { name: `Function ${wasmId}, say` }).click()
    await press(page, 'Test')
    const answer = page.getByRole('region', { name: 'Answer to the test' })
    await answer.getByText('succeeded').waitFor()
    await answer.getByText('order.created', { exact: true }).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'endpoint-function')

    const change = page.getByRole('region', { name: 'Change' })
    await change.getByText('Headers, retries, pace').click()
    await change.getByLabel('Order', { exact: true }).selectOption('in order; a failure is skipped')
    await change.getByLabel('Order by').fill('customer.id')
    await change.getByLabel('Other fields').fill('7.0')
    await press(page, 'Save the changes')
    await page.getByText('have to be one JSON object').waitFor()
    await change.getByLabel('Other fields').fill('{"delay_ms":5}')
    await press(page, 'Save the changes')
    await page.getByText('customer.id, skip').waitFor()
    await change.getByText('Saved', { exact: true }).waitFor()
    assert.equal(await change.getByLabel('Other fields').inputValue(), '')
    const { items } = (await (await app.request('/api/endpoints?tenant=acme')).json()) as {
      items: Json[]
    }
    assert.deepEqual(items[0]?.ordered, { key: 'customer.id', on_exhaustion: 'skip' })
    assert.equal(items[0].delay_ms, 5)
    assert.deepEqual(items[0].function, { wasm_id: wasmId, name: 'say', callback: false })
    assert.deepEqual(faults, [])
  })

  test('refuse and take payloads by the schema of a type, and show what was delivered', async (t) => {
    const app = await serve()
    const target = await receiver(t)
    await addEndpoint(app, 'acme', `${target.origin}/in`)
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/event-types`)
    await page.getByText('There are no event types yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Name').fill('order.created')
    await page.getByLabel('JSON Schema').fill('{"type":"objekt"}')
    await page.getByLabel('A payload that does not satisfy it').selectOption('is refused')
    await press(page, 'Add the event type')
    await page.getByText('INVALID_SCHEMA').waitFor()
    assert.deepEqual(await violations(page), [])
    const schema = { properties: { order: { type: 'integer' }, paid: { type: 'boolean' } } }
    await page.getByLabel('JSON Schema').fill(JSON.stringify(schema))
    // More than a double holds.
    await page.getByLabel('Example').fill(`{"order":${LARGE}}`)
    await press(page, 'Add the event type')
    await page.getByRole('link', { name: 'order.created', exact: true }).click()
    await page.getByRole('heading', { name: 'Schema' }).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'event-type')

    await page.getByRole('link', { name: 'Messages of this type' }).click()
    await page.getByText('Nothing is published here yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Payload').fill('{"order":"seven","paid":1}')
    await press(page, 'Publish')
    await page.getByText('PAYLOAD_MISMATCH').waitFor()
    await page.getByLabel('Payload').fill('['.repeat(9_000) + ']'.repeat(9_000))
    await page.getByText('It is nested too deep for this page.').waitFor()
    await page.locator('.note code', { hasText: '/order' }).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'message-refused')
    await press(page, 'Use the example')
    await page.getByLabel('Your own id').fill('order-7')
    await press(page, 'Publish')
    await page.getByRole('cell', { name: 'order-7' }).waitFor()
    await look(page, 'messages')
    const opened = page.getByRole('link', { name: 'Open the message' })
    const href = (await opened.getAttribute('href')) ?? ''
    await reached(app, href.split('/').at(-1), 'succeeded')
    await opened.click()
    await page.getByRole('cell', { name: 'succeeded' }).waitFor()
    await page.getByText(`order: ${LARGE}`).waitFor()
    assert.deepEqual(await violations(page), [])
    await look(page, 'message')
    assert.match(String(target.received[0]?.body), new RegExp(`"order":\\s*${LARGE}\\D`))

    await press(page, 'Delete the payload …')
    await press(page, 'Delete it for good')
    await page.getByText('It is no longer kept.').waitFor()
    const spaced = '{ "properties":\n{"order": { "type":"integer" } } }'
    const type = '/api/event-types/order.created?tenant=acme'
    const headers = { 'content-type': 'application/json' }
    await app.request(type, { method: 'PATCH', headers, body: `{"schema":${spaced}}` })
    await page.getByRole('link', { name: 'order.created' }).click()
    await page
      .getByLabel('A payload that does not satisfy it')
      .selectOption('is taken with a warning')
    await press(page, 'Save the changes')
    await page.locator('dd', { hasText: 'warn' }).waitFor()
    assert.ok((await (await app.request(type)).text()).includes(spaced))
    // Without a schema nothing is enforced: the form shows what is stored.
    await page.getByLabel('JSON Schema').fill('')
    await press(page, 'Save the changes')
    await page.locator('dd', { hasText: 'off' }).waitFor()
    const enforcement = page.getByLabel('A payload that does not satisfy it')
    assert.equal(await enforcement.inputValue(), 'off')
    await press(page, 'Delete this event type …')
    await press(page, 'Delete it for good')
    await page.getByText('There are no event types yet').waitFor()
    assert.deepEqual(faults, [])
  })

  test('fit a phone, and are read in the dark', async (t) => {
    const app = await serve()
    const target = await receiver(t)
    const tenant = 'a-tenant-with-a-name-of-sixty-four-characters-without-any-place'
    await addType(app, tenant, { schema: { type: 'object' }, example: { order: 1 } })
    const url = `${target.origin}/${'long'.repeat(40)}`
    const { id } = await addEndpoint(app, tenant, url, { description: 'x'.repeat(200) })
    const { message_id: message } = await publish(app, tenant, { order: 'x'.repeat(300) })
    await reached(app, message, 'succeeded')
    const root = `${app.origin}/#/webhooks`
    const { page, faults } = await openPage(root, { width: 360, dark: true })
    const fits = async (place: string, seen: string, name: string) => {
      await page.goto(root + place)
      await page.getByText(seen).first().waitFor()
      await look(page, `dark-${name}`)
      assert.equal(await overflow(page), 0, name)
      assert.deepEqual(await violations(page), [], name)
    }
    await fits('', 'Another tenant', 'tenants')
    await fits(`/${tenant}/endpoints`, 'enabled', 'endpoints')
    await page.getByText('Headers, retries, pace').click()
    assert.equal(await overflow(page), 0)
    await fits(`/${tenant}/endpoints/${id}`, 'share taken', 'endpoint')
    await press(page, 'Test')
    await page.getByRole('region', { name: 'Answer to the test' }).waitFor()
    assert.equal(await overflow(page), 0)
    await fits(`/${tenant}/event-types`, 'enforcement off', 'types')
    await fits(`/${tenant}/event-types/order.created`, 'Save the changes', 'type')
    await fits(`/${tenant}/messages`, 'order.created', 'messages')
    await fits(`/${tenant}/messages/${String(message)}`, 'succeeded', 'message')
    await fits(`/${tenant}/tokens`, 'There are no tokens yet', 'tokens')
    assert.deepEqual(faults, [])
  })

  test('are done once by a double click, and shown as no other tenant has them', async (t) => {
    const app = await serve()
    const { origin } = await receiver(t)
    await addType(app, 'acme')
    const { id } = await addEndpoint(app, 'acme', origin)
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/messages`)
    await page.getByLabel('Type', { exact: true }).fill('order.created')
    await page.getByLabel('Payload').fill('{"order":1}')
    let asked = 0
    page.on('request', (request) => (asked += request.method() === 'POST' ? 1 : 0))
    await page.getByRole('button', { name: 'Publish', exact: true }).click()
    await page.getByText('Published', { exact: true }).last().waitFor()
    // The second click of a double click, where the server has answered the first.
    await page.evaluate(`document.querySelector('main form.call [type=submit]')
      .dispatchEvent(new MouseEvent('click', { detail: 2, bubbles: true, cancelable: true }))`)
    await page.getByRole('link', { name: 'Open the message' }).waitFor()
    assert.equal(asked, 1)

    await page.goto(`${app.origin}/#/webhooks/acme/endpoints/${id}`)
    await page.getByRole('button', { name: 'Delete this endpoint …' }).dblclick()
    await page.getByRole('button', { name: 'Delete it for good' }).waitFor()
    await page.goto(`${app.origin}/#/webhooks/other/endpoints/${id}`)
    await page.getByText('NOT_FOUND').waitFor()
    assert.equal(await page.getByRole('button', { name: /^Delete/ }).count(), 0)
    assert.deepEqual(faults, [])
  })

  test('that go on are watched on where the server fails once', async (t) => {
    const app = await serve()
    const { origin } = await receiver(t)
    await addType(app, 'acme')
    const { id } = await addEndpoint(app, 'acme', origin)
    const { page } = await openPage(`${app.origin}/#/webhooks/acme/endpoints/${id}`)
    await page.route(
      /resend-jobs/,
      (route) => route.fulfill({ status: 502, body: 'Bad gateway' }),
      { times: 1 },
    )
    await page.getByRole('button', { name: 'Replay …' }).click()
    await page.getByRole('button', { name: /^Send all that it missed/ }).click()
    await page.getByText('UNEXPECTED_ANSWER').waitFor()
    await page.getByRole('status').getByText('finished').waitFor()
    assert.equal(await page.getByText('UNEXPECTED_ANSWER').count(), 0)
  })
})
