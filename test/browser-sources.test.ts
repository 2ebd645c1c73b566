// The console's way from nothing to a result that has arrived somewhere, request bins, and sources with their history.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { NO_BROWSER, consoleSuite, overflow, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import { example } from './helpers/guests.ts'
import { gradientPng } from './helpers/picture.ts'

describe('request bins and sources in the console', { skip: NO_BROWSER }, () => {
  const { scope, serve, openPage } = consoleSuite()

  const inShell = async (text: string, env: Record<string, string> = {}): Promise<string> => {
    const options = { env: { ...process.env, ...env } }
    return (await promisify(execFile)('bash', ['-ec', text], options)).stdout
  }

  async function post<T>(app: TestApp, path: string, body: object): Promise<T> {
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await response.json()) as T
  }

  const newBin = (app: TestApp) =>
    post<{ bin_id: string; url: string }>(app, '/api/bins', { tenant: 'acme' })

  const makeSource = (app: TestApp, source: object) =>
    post<{ source_id: string; url: string; secret: string }>(app, '/api/sources', {
      tenant: 'acme',
      ...source,
    })

  const bearer = (secret: string) => ({
    'content-type': 'application/json',
    authorization: `Bearer ${secret}`,
  })

  /** What is not accepted is written in batches, a moment after its sender was answered. */
  async function untilTold(app: TestApp, url: string, count: number): Promise<void> {
    const id = url.slice(url.lastIndexOf('/') + 1)
    for (;;) {
      const response = await app.request(`/api/sources/${id}/events?tenant=acme`)
      if (((await response.json()) as { items: unknown[] }).items.length === count) return
    }
  }

  const command = (page: Page, name: string): Promise<string> =>
    page.getByRole('region', { name, exact: true }).innerText()

  test('leads from nothing uploaded to a result that was sent on, and is seen where it arrived', async () => {
    // As a server is that nobody has set anything of.
    const app = await serve({ OUTBOUND_ALLOW: '' })
    const { page, faults } = await openPage(app.origin)
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files' }).click()
    const wasm = fileURLToPath(new URL('../examples-rust/hello/hello.wasm', import.meta.url))
    await (await chooser).setFiles(wasm)
    await page.getByRole('link', { name: 'Open and call it' }).click()

    await page.getByLabel('Input', { exact: true }).fill('bins')
    await page.getByText('Send the result on, and more').click()
    await page.getByRole('button', { name: 'To a new request bin' }).click()
    await page.getByText('The bin is made and named above.').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Call say' }).click()
    await page.getByText('which answered 200').waitFor()
    assert.equal(await command(page, 'Result text'), 'The bin has kept it.\n')
    assert.deepEqual(await violations(page), [])
    const line = await command(page, 'curl line')

    await page.getByRole('link', { name: 'See it in the request bin' }).click()
    await page.getByRole('heading', { name: /^Request bin/ }).waitFor()
    assert.equal(await command(page, 'Body text'), 'hello bins')
    assert.deepEqual(await violations(page), [])

    assert.equal(await inShell(`${line} -s`), 'The bin has kept it.\n')
    await page.getByRole('button', { name: 'Refresh' }).click()
    await page.locator('tbody > tr:not(.detail)').nth(1).waitFor()
    assert.deepEqual(faults, [])
  })

  test('a bin shows by itself what comes, runs none of it, and is deleted', async () => {
    const app = await serve({ BIN_BODY_BYTES: 1_000 })
    const { page, faults } = await openPage(app.origin)
    await page.clock.install()
    const looked = () => page.clock.runFor(3_000)
    await page.goto(`${app.origin}/#/webhooks/acme/bins`)
    await page.getByText('There are no request bins').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Make a request bin' }).click()
    await page.getByText('Nothing was sent to it yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await inShell(`${await command(page, 'curl line that fills the bin')} -s`)
    await looked()
    await page.getByText('hello:', { exact: true }).waitFor()
    await page.getByRole('cell', { name: '/orders?n=1' }).waitFor()

    const url = (await page.locator('.secret code').innerText()).trim()
    const html = '<!doctype html><script>globalThis.ran = 1</script><img src=x onerror="ran = 1">'
    await fetch(url, { method: 'PUT', body: html, headers: { 'content-type': 'text/html' } })
    await looked()
    await page.getByRole('cell', { name: 'PUT', exact: true }).waitFor()
    assert.equal(await command(page, 'Body text'), html)
    assert.equal(await page.evaluate('globalThis.ran'), undefined)
    assert.equal(await page.locator('main img, main iframe, main script').count(), 0)
    await fetch(url, { method: 'PATCH', body: Buffer.alloc(5_000, 0xff) })
    await looked()
    await page.getByText('Its beginning is kept, of 4.88 KiB that were sent.').waitFor()
    const saved = page.waitForEvent('download')
    await page.locator('a[download="body.bin"]').click()
    assert.deepEqual(await readFile(await (await saved).path()), Buffer.alloc(1_000, 0xff))
    assert.deepEqual(await violations(page), [])

    const endpoint = page.getByRole('link', { name: 'make an endpoint with this address' })
    const target = `#/webhooks/acme/endpoints?url=${encodeURIComponent(url)}`
    assert.equal(await endpoint.getAttribute('href'), target)
    await endpoint.click()
    assert.equal(await page.getByLabel('URL', { exact: true }).inputValue(), url)
    await page.goBack()
    await page.getByRole('button', { name: 'Delete this bin' }).click()
    await page.getByRole('button', { name: 'Delete it with all that it kept' }).click()
    await page.getByText('There are no request bins').waitFor()
    assert.equal((await fetch(url)).status, 404)
    assert.deepEqual(faults, [])
  })

  test('nobody is led to a bin who has left meanwhile', async () => {
    const app = await serve()
    const { page } = await openPage(`${app.origin}/#/webhooks/acme/bins`)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route('**/api/bins', async (asked) => {
      await held
      await asked.continue()
    })
    const made = page.waitForResponse((one) => one.request().method() === 'POST')
    await page.getByRole('button', { name: 'Make a request bin' }).click()
    await page.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'System', exact: true }).waitFor()
    release()
    await (await made).finished()
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    assert.match(page.url(), /#\/system$/)
  })

  test('a bin is looked at again only while it is seen, and not for ever', async () => {
    const app = await serve()
    const bin = await newBin(app)
    const { page } = await openPage(app.origin)
    await page.clock.install()
    await page.goto(`${app.origin}/#/webhooks/acme/bins/${bin.bin_id}`)
    await page.getByText('Nothing was sent to it yet').waitFor()
    let asked = 0
    page.on('request', () => (asked += 1))
    const hide = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })`,
      )
    await hide(true)
    await page.clock.runFor('30:00')
    assert.equal(asked, 0)
    await hide(false)
    const asks = page.waitForRequest(/\/requests\?.*limit=1/)
    await page.clock.runFor(3_000)
    await asks
    await page.clock.runFor('16:00')
    await page.getByText('This page has stopped looking.').waitFor()
    assert.deepEqual(await violations(page), [])
    await fetch(bin.url, { method: 'POST', body: 'late' })
    await page.getByRole('button', { name: 'Look again' }).click()
    await page.clock.runFor(3_000)
    await page.getByText('late', { exact: true }).waitFor()
  })

  test('several inputs make an image that is sent on to a bin, as its curl line does', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('caption'))
    const bin = await newBin(app)
    const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-picture-'))
    scope.after(() => rm(folder, { recursive: true, force: true }))
    const picture = path.join(folder, 'field.png')
    await writeFile(picture, gradientPng(64, 48))
    const { page, faults } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Input 1', { exact: true }).fill('Howdy')
    await page.getByLabel('Kind of input 2').selectOption('File')
    await page.getByLabel('Input 2', { exact: true }).setInputFiles(picture)
    await page.getByLabel('It returns bytes').check()
    await page.getByText('Send the result on, and more').click()
    await page.getByLabel('Send the result to').fill(bin.url)
    await page.getByRole('button', { name: 'Call caption' }).click()
    await page.getByText('which answered 200').waitFor()
    const line = await command(page, 'curl line')
    await inShell(`cd '${folder}'; ${line} -s`)
    await page.goto(`${app.origin}/#/webhooks/acme/bins/${bin.bin_id}`)
    const shown = page.getByRole('img', { name: 'The image that was sent' })
    await shown.waitFor()
    await page
      .getByRole('button', { name: /^Details/ })
      .nth(1)
      .click()
    await shown.nth(1).waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('who may only read is shown what there is, and nothing that changes it', async () => {
    const operator = { authorization: 'Bearer a-token-that-is-long-enough-0123' }
    const app = await serve({ API_TOKEN: 'a-token-that-is-long-enough-0123' })
    const made = async (path: string, body: object) => {
      const headers = { ...operator, 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify({ tenant: 'acme', ...body }) }
      return (await (await app.request(path, init)).json()) as Record<string, string>
    }
    const { bin_id: bin = '' } = await made('/api/bins', {})
    await made('/api/event-types', { name: 'order.paid' })
    const source = { verify: { scheme: 'github' }, publish: { type: 'order.paid' } }
    const { source_id: id = '' } = await made('/api/sources', source)
    const { token = '' } = await made('/api/tokens', { rights: ['read'] })
    const { page } = await openPage(app.origin)
    await page.getByLabel('API token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'Bins' }).click()
    await page.getByRole('link', { name: /^Bin/ }).first().waitFor()
    const places = [
      [`bins/${bin}`, 'Nothing was sent to it yet'],
      ['sources', 'order.paid'],
      [`sources/${id}`, 'Nothing came yet'],
    ]
    const changes = page.getByRole('button', { name: /^(Make|Delete|Save|Replace|Disable)/ })
    for (const [at = '', text = ''] of places) {
      await page.goto(`${app.origin}/#/webhooks/acme/${at}`)
      await page.getByText(text).first().waitFor()
      assert.deepEqual([at, await changes.count()], [at, 0])
    }
    assert.match(await command(page, 'curl lines for a first event'), /openssl dgst/)
  })

  test('a source is made, and tells what was accepted, refused and replayed', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('hello'))
    const { page, faults } = await openPage(`${app.origin}/#/webhooks/acme/sources`)
    await page.getByText('There are no sources').waitFor()
    await page.getByRole('button', { name: 'Make the source' }).click()
    await page.getByText('Give the id of a function.').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Function id').fill(String(id))
    assert.equal(await page.getByLabel('Export that it calls').inputValue(), 'say')
    await page.getByLabel('Description').fill('Pushes')
    await page.getByRole('button', { name: 'Make the source' }).click()
    await page.getByText('Its secret is shown this once').waitFor()
    const [url = '', secret = ''] = await page.locator('.card code').allInnerTexts()
    await page.getByRole('cell', { name: 'none yet' }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('link', { name: 'Open it' }).click()
    await page.getByText('Nothing came yet').waitFor()
    assert.deepEqual(await violations(page), [])

    const push = async (body: string, signed: string, delivery: string) => {
      const signature = createHmac('sha256', secret).update(signed).digest('hex')
      const headers = {
        'content-type': 'application/json',
        'x-github-delivery': delivery,
        'x-hub-signature-256': `sha256=${signature}`,
      }
      return (await fetch(url, { method: 'POST', body, headers })).status
    }
    assert.equal(await push('{"ref":"main"}', '{"ref":"main"}', 'one'), 202)
    assert.equal(await push('{"ref":"evil"}', '{"ref":"main"}', 'two'), 401)
    assert.equal(await push('{"ref":"main"}', '{"ref":"main"}', 'one'), 200)
    await untilTold(app, url, 3)
    const refresh = page.getByRole('button', { name: 'Refresh' })
    await page.getByLabel('Verdict').selectOption('refused')
    await page.getByRole('cell', { name: 'SIGNATURE_WRONG' }).waitFor()
    await page.getByRole('button', { name: /^Details/ }).click()
    await page.getByText('No secret of the source makes this signature').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Show all' }).click()
    await page.getByRole('cell', { name: 'duplicate' }).waitFor()
    await page.getByLabel('Verdict').selectOption('accepted')
    await page.getByRole('cell', { name: 'duplicate' }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: /^Details/ }).click()
    await page.getByText('ref:', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Replay it' }).click()
    await page.getByText('It is done once more').waitFor()
    await refresh.click()
    await page.getByRole('cell', { name: 'replayed' }).waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('a source is changed, its secret replaced, disabled and deleted', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('hello'))
    const { page, faults } = await openPage(app.origin)
    const made = await makeSource(app, {
      verify: { scheme: 'bearer' },
      function: { wasm_id: id, name: 'say' },
      challenge: { kind: 'meta', verify_token: 'it is us' },
    })
    await page.goto(`${app.origin}/#/webhooks/acme/sources/${made.source_id}`)
    const send = async (secret: string) =>
      (await fetch(made.url, { method: 'POST', body: '{}', headers: bearer(secret) })).status

    await page.getByLabel('What the sender gets').selectOption('the result, once it is there')
    const rare = page.getByLabel('As JSON; empty for the usual')
    const stored = await rare.inputValue()
    await rare.fill(stored.replace('{', '{ "format": "json",').replace(/\}$/, ''))
    await page.getByText('This is not a JSON object yet.').waitFor()
    assert.deepEqual(await violations(page), [])
    await rare.fill(stored.replace('{', '{ "format": "json",'))
    await page.getByRole('button', { name: 'Save the settings' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    const answer = await fetch(made.url, {
      method: 'POST',
      body: '{}',
      headers: bearer(made.secret),
    })
    assert.equal(await answer.text(), 'hello {}')
    // What was shown masked, and not touched, is as it was.
    const asks = '?hub.mode=subscribe&hub.verify_token=it%20is%20us&hub.challenge=42'
    assert.equal(await (await fetch(made.url + asks)).text(), '42')

    await page.getByLabel('Secrets, one on a line').fill(`new-secret\n${made.secret}\n`)
    await page.getByRole('button', { name: 'Replace the verification' }).click()
    await page.getByText('Replaced', { exact: true }).waitFor()
    assert.deepEqual([await send('new-secret'), await send(made.secret)], [200, 200])
    await page.getByRole('button', { name: 'Replace the verification' }).click()
    await page.getByText('Its secret is shown this once').waitFor()
    assert.equal(await send('new-secret'), 401)
    assert.deepEqual(await violations(page), [])

    await page.getByRole('button', { name: 'Disable it' }).click()
    await page.getByRole('button', { name: 'Enable it' }).waitFor()
    assert.equal(await send('new-secret'), 404)
    await page.getByRole('button', { name: 'Delete this source' }).click()
    await page.getByRole('button', { name: 'Delete it with its history' }).click()
    await page.getByText('There are no sources').waitFor()
    assert.deepEqual(faults, [])
  })

  test('the lines that send a source an event are signed as its scheme says', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('hello'))
    const { page } = await openPage(app.origin)
    const schemes = [
      { scheme: 'none' },
      { scheme: 'secret', in: 'header', name: 'X-$HOME`id`' },
      { scheme: 'secret', in: 'query', name: "it's" },
      { scheme: 'secret', in: 'json', name: 'the "word"' },
      { scheme: 'basic', username: "Ann's $HOME" },
      { scheme: 'bearer' },
      { scheme: 'github' },
      { scheme: 'standard-webhooks' },
      { scheme: 'stripe', secrets: ['whsec_of-stripe'] },
      { scheme: 'slack', secrets: ['8f742231b10e8888abcd99yyyzzz85a5'] },
      { scheme: 'shopify', secrets: ['shpss_of-shopify'] },
    ]
    for (const verify of schemes) {
      const made = await makeSource(app, { verify, function: { wasm_id: id, name: 'say' } })
      await page.goto(`${app.origin}/#/webhooks/acme/sources/${made.source_id}`)
      const lines = await command(page, 'curl lines that send it an event')
      const SECRET = 'secrets' in verify ? (verify.secrets[0] ?? '') : made.secret
      const said = await inShell(`${lines} -s -o /dev/null -w '%{http_code}'`, { SECRET })
      assert.deepEqual([verify, said], [verify, '202'])
    }
  })

  test('a call may name a key, run in the background, and say where its result goes', async () => {
    const app = await serve()
    const { id, adminKey } = await upload(app, await example('hello'))
    const bin = await newBin(app)
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByText('Send the result on, and more').click()
    const target = page.getByLabel('Send the result to')
    const call = () => page.getByRole('button', { name: 'Call say' }).click()
    await page.getByLabel('Input', { exact: true }).fill('there')
    await target.fill('nowhere')
    await call()
    await page.getByText('Give a URL that begins with').waitFor()
    assert.deepEqual(await violations(page), [])

    await target.fill('')
    await page.getByLabel('Idempotency key').fill('order-4711')
    await call()
    await page.getByText('hello there', { exact: true }).waitFor()
    await call()
    await page.getByText('This is the answer of the first call with that key').waitFor()
    await page.getByLabel('Idempotency key').fill('')

    const usage = { path: `/api/keys/${id}/usage_key`, headers: { SSVM_Admin_Key: adminKey } }
    const made = await app.request(usage.path, { method: 'PUT', headers: usage.headers })
    const { SSVM_Usage_Key: usageKey } = (await made.json()) as Record<string, string>
    await call()
    await page.locator('.note.bad').getByText('MISSING_KEY').waitFor()
    await page.getByLabel('Usage key').fill(usageKey ?? '')
    await call()
    await page.getByText('hello there', { exact: true }).waitFor()
    const called = `${await command(page, 'curl line')} -s`
    assert.equal(await inShell(called, { USAGE_KEY: usageKey ?? '' }), 'hello there')
    await page.getByLabel('Usage key').fill('')
    await app.request(usage.path, { method: 'DELETE', headers: usage.headers })

    const { host, pathname } = new URL(bin.url)
    const [hostname, port] = host.split(':')
    const options = { protocol: 'http:', hostname, path: `${pathname}/größer` }
    await target.fill(`${JSON.stringify(options).slice(0, -1)},"port":${port}.0}`)
    await page.getByLabel('Run it in the background').check()
    await call()
    await page.getByText('The server has taken the call over').waitFor()
    const link = page.getByRole('link', { name: /^run / })
    assert.match((await link.getAttribute('href')) ?? '', /^#\/runs\/[\w-]+$/)
    assert.deepEqual(await violations(page), [])
    const line = await command(page, 'curl line')
    assert.match(await inShell(`${line} -s`), /"status":"queued"/)

    await app.request(`/api/callback/${id}`, {
      method: 'PUT',
      headers: { SSVM_Admin_Key: adminKey },
      body: `${bin.url}/stored`,
    })
    await page.getByLabel('Admin key').fill(adminKey)
    await page.keyboard.press('Enter')
    // What may be secret of it is masked.
    await page.getByText(`Left empty, it goes to ${app.origin}/`).waitFor()
    await target.fill('')
    await page.getByLabel('Run it in the background').uncheck()
    await call()
    await page.getByText('which answered 200').waitFor()
    await target.fill(`${app.origin}/bin/none`)
    await call()
    await page.locator('.note.bad').getByText('CALLBACK_FAILED').waitFor()
    assert.deepEqual(await violations(page), [])
  })

  test('bins and sources fit a phone, and are read in the dark', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('hello'))
    const bin = await newBin(app)
    await fetch(`${bin.url}/${'x'.repeat(200)}`, { headers: { 'x-long': 'y'.repeat(300) } })
    const made = await makeSource(app, {
      description: 'a-name-without-any-place-to-break-'.repeat(3),
      verify: { scheme: 'github' },
      function: { wasm_id: id, name: 'say' },
      publish: { type_from: { in: 'header', name: 'x-github-event' }, prefix: 'github.' },
    })
    await fetch(made.url, { method: 'POST', body: '{}' })
    await untilTold(app, made.url, 1)
    const { page, faults } = await openPage(app.origin, { width: 360, dark: true })
    const places = [
      ['bins', 'Expires'],
      [`bins/${bin.bin_id}`, 'It has no body.'],
      ['sources', 'refused'],
      [`sources/${made.source_id}`, 'SIGNATURE_MISSING'],
    ]
    for (const [path = '', text = ''] of places) {
      await page.goto(`${app.origin}/#/webhooks/acme/${path}`)
      await page.getByText(text, { exact: true }).first().waitFor()
      assert.deepEqual([path, await overflow(page)], [path, 0])
      assert.deepEqual(await violations(page), [])
    }
    await page.goto(`${app.origin}/#/functions/${id}`)
    await page.getByText('Send the result on, and more').click()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })
})
