// The console in a real browser: from nothing uploaded to a result that is seen, and what must not run there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { NO_BROWSER, consoleSuite, overflow, tabTo, violations } from './helpers/browser.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call as callOver, upload } from './helpers/client.ts'
import { example, guest, saying } from './helpers/guests.ts'
import { gradientPng } from './helpers/picture.ts'

const FIRST_LOAD_BYTES_MAX = 200_000

describe('the console', { skip: NO_BROWSER }, () => {
  const { serve, openPage, folder } = consoleSuite()

  const wasmOf = (name: string): string =>
    fileURLToPath(new URL(`../examples-rust/${name}/${name}.wasm`, import.meta.url))

  async function call(page: Page, fn: string): Promise<void> {
    await page.getByRole('button', { name: `Call ${fn}` }).click()
  }

  test('leads from nothing to a result, by keys alone', async () => {
    const app = await serve()
    const { page, faults } = await openPage(app.origin)
    await page.getByText('There are no functions yet').waitFor()
    const line = page.getByRole('region', { name: 'curl line that uploads' })
    assert.match(await line.innerText(), new RegExp(`${app.origin}/api/executables`))
    assert.deepEqual(await violations(page), [])

    // Asked for early: the browser has to know of it before the key is pressed.
    const chooser = page.waitForEvent('filechooser')
    await tabTo(page, /Choose files/)
    await page.keyboard.press('Enter')
    await (await chooser).setFiles(wasmOf('hello'))
    await page.getByText('Its admin key is shown this once').waitFor()
    await page.getByRole('cell', { name: 'say' }).waitFor()
    assert.deepEqual(await violations(page), [])

    await tabTo(page, /Open and call it/)
    await page.keyboard.press('Enter')
    await page.getByText('Nobody has called it yet').waitFor()
    assert.deepEqual(await violations(page), [])
    await tabTo(page, /^\s*Input\s*$/)
    await page.keyboard.type("Ann's world")
    await tabTo(page, /Call say/)
    await page.keyboard.press('Enter')
    const result = page.getByRole('region', { name: 'Result text' })
    assert.equal(await result.innerText(), "hello Ann's world")
    const shown = page.getByRole('region', { name: 'curl line', exact: true })
    const inShell = await promisify(execFile)('bash', ['-c', `${await shown.innerText()} -s`])
    assert.equal(inShell.stdout, "hello Ann's world")
    await page.getByRole('cell', { name: 'succeeded' }).waitFor()
    await page.getByRole('button', { name: /^Details/ }).click()
    await page.getByText('It wrote no log.').waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('takes files that are dropped, and says of each what is wrong with it', async () => {
    const app = await serve()
    const { page } = await openPage(app.origin)
    const wasm = (await example('hello')).toString('base64')
    const files = await page.evaluateHandle(`(() => {
      const files = new DataTransfer()
      const wasm = Uint8Array.from(atob('${wasm}'), (one) => one.charCodeAt(0))
      files.items.add(new File([wasm], 'greeter.wasm'))
      files.items.add(new File(['no module'], 'letter.wasm'))
      return files
    })()`)
    await page.dispatchEvent('.drop', 'drop', { dataTransfer: files })
    await page.getByText('letter.wasm was not taken').waitFor()
    await page.getByText('NOT_WASM').waitFor()
    await page.getByRole('link', { name: 'greeter' }).waitFor()
    assert.deepEqual(await violations(page), [])
  })

  test('sends several inputs, shows an image, and the line that does the same', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('caption'))
    const { page, faults } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Input 1', { exact: true }).fill('Howdy')
    await page.getByLabel('Kind of input 2').selectOption('File')
    const png = { name: 'field.png', mimeType: 'image/png', buffer: gradientPng(64, 48) }
    await page.getByLabel('Input 2', { exact: true }).setInputFiles(png)
    await page.getByLabel('It returns bytes').check()
    await call(page, 'caption')
    const image = page.getByRole('img', { name: 'The image that the function returned' })
    await image.waitFor()
    const decoded = `(async (one) => (await one.decode(), one.naturalWidth))(document.querySelector('.picture'))`
    assert.equal(await page.evaluate(decoded), 64)
    assert.equal(
      await page.getByRole('region', { name: 'curl line', exact: true }).innerText(),
      `curl -X POST ${app.origin}/api/multipart/run/${id}/caption/bytes --form-string input_1=Howdy -F input_2=@field.png -o result`,
    )
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('shows JSON as a tree, and an error with its code and what to do', async () => {
    const app = await serve()
    const { id } = await upload(app, await example('order'))
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Kind of input').selectOption('JSON')
    const input = page.getByLabel('Input', { exact: true })
    const item = { name: 'tea', quantity: 2, price_cents: 350 }
    await input.fill(JSON.stringify({ currency: 'EUR', items: [item] }))
    await call(page, 'total')
    await page.getByText('total_cents:', { exact: true }).waitFor()
    assert.deepEqual(await violations(page), [])
    await input.fill('{')
    await call(page, 'total')
    await page.getByText('This is not valid JSON.').waitFor()
    assert.deepEqual(await violations(page), [])
    await input.fill('{}')
    await call(page, 'total')
    await page.locator('.note.bad').getByText('FUNCTION_ERROR').waitFor()
    await page.getByText('The function said no.').waitFor()
    assert.deepEqual(await violations(page), [])
  })

  test('runs nothing of what a function returns or is called', async () => {
    const app = await serve()
    const html = '<!doctype html><script>globalThis.ran = 1</script><img src=x onerror="ran = 1">'
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" onload="ran = 1"><script>ran = 1</script></svg>'
    const description = '<img src=x onerror="ran = 1">'
    const { id } = await upload(app, saying({ page: html, svg }), { SSVM_Description: description })
    const { page, faults } = await openPage(`${app.origin}/#/functions/${id}`)
    for (const [name, text] of [
      ['page', html],
      ['svg', svg],
    ] as const) {
      await page.getByLabel(`${name}(`).check()
      await call(page, name)
      const shown = page.getByRole('region', { name: 'Result text' })
      assert.equal(await shown.innerText(), text)
      assert.equal(await page.locator('main img, main svg, main iframe, main script').count(), 0)
      const saved = page.waitForEvent('download')
      await page.getByRole('link', { name: 'Download' }).click()
      assert.equal((await saved).suggestedFilename(), 'result.txt')
    }
    assert.equal(await page.evaluate('globalThis.ran'), undefined)
    assert.deepEqual(faults, [])
  })

  test('asks for the API token, keeps it in the tab and out of every address', async () => {
    const app = await serve({ API_TOKEN: 'a-token-that-is-long-enough-0123' })
    const { page, faults } = await openPage(app.origin)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    const field = page.getByLabel('API token')
    await field.fill('another-token')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('WRONG_KEY').waitFor()
    assert.deepEqual(await violations(page), [])
    await field.fill('a-token-that-is-long-enough-0123')
    await page.keyboard.press('Enter')
    await page.getByText('There are no functions yet').waitFor()
    assert.match(await page.locator('.block').innerText(), /"Authorization: Bearer \$API_TOKEN"/)
    await page.reload()
    await page.getByText('There are no functions yet').waitFor()
    assert.equal([...addresses, page.url()].filter((one) => one.includes('a-token')).length, 0)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await field.waitFor()
    assert.equal(await page.evaluate('sessionStorage.length + localStorage.length'), 0)
    assert.deepEqual(faults, [])
  })

  test('says of a token what is wrong with it, and keeps the keys of what was uploaded', async () => {
    const app = await serve({ API_TOKEN: 'a-token-that-is-long-enough-0123' })
    const { page } = await openPage(app.origin)
    await page.evaluate(`sessionStorage.setItem('wasmhook.admin-key.1', 'key')`)
    await page.getByLabel('API token').fill('jeton–secret')
    await page.keyboard.press('Enter')
    await page.getByText('A token has letters, digits and signs of ASCII only.').waitFor()
    await page.getByLabel('API token').fill('another-token')
    await page.keyboard.press('Enter')
    await page.getByText('WRONG_KEY').waitFor()
    assert.equal(await page.evaluate(`sessionStorage.getItem('wasmhook.admin-key.1')`), 'key')
    assert.deepEqual(await violations(page), [])
  })

  test('tells a key that is wrong from a server that does not say', async () => {
    const app = await serve()
    const { id, adminKey } = await upload(app, await guest('echo'))
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Admin key').fill(adminKey)
    const route = `**/api/executables/${id}`
    await page.route(route, (asked) => asked.fulfill({ status: 502, body: '<h1>Bad gateway</h1>' }))
    await page.keyboard.press('Enter')
    await page.getByText('UNEXPECTED_ANSWER').waitFor()
    assert.equal(await page.getByText('This is not the admin key').count(), 0)
    assert.deepEqual(await violations(page), [])
    await page.unroute(route)
    await page.getByRole('button', { name: 'Show it' }).click()
    await page.getByText('Nobody has called it yet').waitFor()
  })

  test('asks for the admin key where runs need it', async () => {
    const app = await serve()
    const { id, adminKey } = await upload(app, await guest('echo'))
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    const field = page.getByLabel('Admin key')
    await field.fill('11111111-2222-4333-8444-555555555555')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the admin key').waitFor()
    assert.deepEqual(await violations(page), [])
    await field.fill(adminKey)
    await page.keyboard.press('Enter')
    await page.getByText('Nobody has called it yet').waitFor()
  })

  test('shows older runs, and those that came meanwhile', async () => {
    const app = await serve()
    const executable = await upload(app, await example('hello'))
    const run = () => callOver(app, executable, 'say', { body: 'x' })
    for (let count = 0; count < 25; count++) await run()
    const { page } = await openPage(`${app.origin}/#/functions/${executable.id}`)
    await page.getByLabel('Admin key').fill(executable.adminKey)
    await page.keyboard.press('Enter')
    const row = (number: number) => page.locator(`tbody tr:nth-child(${number})`)
    const rows = async (count: number) => {
      await row(count).waitFor()
      await row(count + 1).waitFor({ state: 'detached' })
    }
    await rows(20)
    await page.getByRole('button', { name: 'Show older runs' }).click()
    await rows(25)
    assert.equal(await page.getByRole('button', { name: 'Show older runs' }).count(), 0)
    await run()
    await page.getByRole('button', { name: 'Refresh' }).click()
    await rows(20)
    assert.deepEqual(await violations(page), [])
  })

  test('fits a phone, and is read in the dark', async () => {
    const app = await serve()
    const { id, adminKey } = await upload(app, await example('hello'), {
      SSVM_Description: 'a-name-without-any-place-to-break-'.repeat(3),
    })
    const { page } = await openPage(app.origin, { width: 360, dark: true })
    await page.getByRole('cell', { name: 'say' }).waitFor()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
    await page.goto(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Input', { exact: true }).fill('x'.repeat(300))
    await call(page, 'say')
    await page.getByRole('region', { name: 'Result text' }).waitFor()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
    await page.getByRole('link', { name: 'Versions and settings' }).click()
    // The page before it asks for the key too.
    await page.getByRole('button', { name: /^Call/ }).waitFor({ state: 'detached' })
    await page.getByLabel('Admin key').fill(adminKey)
    await page.keyboard.press('Enter')
    await page.getByText('Save the limits').waitFor()
    assert.equal(await overflow(page), 0)
    assert.deepEqual(await violations(page), [])
  })

  test('fits a narrow window whatever names there are', async () => {
    const app = await serve()
    const { id } = await upload(app, saying({ ['f'.repeat(200)]: 'x' }))
    for (const place of [`functions/${id}`, `webhooks/${'a'.repeat(64)}/bins`]) {
      const { page } = await openPage(`${app.origin}/#/${place}`, { width: 320 })
      await page.getByRole('button', { name: /^(Call|Make)/ }).waitFor()
      assert.equal(await overflow(page), 0, place)
    }
  })

  /** Shows what `echo` says to the text. */
  async function echoed(app: TestApp, text: string): Promise<Page> {
    const { id } = await upload(app, await guest('echo'))
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('Input', { exact: true }).fill(text)
    await call(page, 'echo')
    return page
  }

  test('shows no number of a result as another', async () => {
    const page = await echoed(
      await serve(),
      '{"id":12345678901234567890,"price":1.10,"far":1e999,"at":7}',
    )
    await page.locator('.tree-leaf').last().waitFor()
    const shown = await page.locator('.tree-leaf').allInnerTexts()
    assert.deepEqual(shown, ['id: 12345678901234567890', 'price: 1.10', 'far: 1e999', 'at: 7'])
  })

  test('draws of a result what is open alone, and of long lists more where it is asked for', async () => {
    const app = await serve()
    const wide = Array.from({ length: 250 }, () => Array.from({ length: 250 }, () => 1))
    const page = await echoed(app, JSON.stringify(wide))
    const lists = page.locator('.tree details')
    await page.getByRole('button', { name: 'Show more of it (50 left)' }).click()
    await lists.nth(250).waitFor()
    assert.equal(await page.locator('.tree-leaf').count(), 0)
    await lists.nth(1).locator('summary').click()
    await page.getByRole('button', { name: 'Show more of it (50 left)' }).waitFor()
    assert.equal(await page.locator('.tree-leaf').count(), 201)
    assert.deepEqual(await violations(page), [])
    // Deeper than a tree is read.
    const deep = await echoed(app, '['.repeat(20_000) + ']'.repeat(20_000))
    await deep.getByRole('region', { name: 'Result text' }).waitFor()
  })

  test('sends each of several texts as it was written', async () => {
    const app = await serve()
    const { id } = await upload(app, await guest('echo'))
    const { page } = await openPage(`${app.origin}/#/functions/${id}`)
    await page.getByLabel('join(').check()
    await page.getByLabel('Input 1', { exact: true }).fill('a\nb')
    await page.getByLabel('Input 2', { exact: true }).fill('c')
    await call(page, 'join')
    const result = page.getByRole('region', { name: 'Result text' })
    assert.equal(await result.textContent(), 'a\nb|c')
  })

  test('has no page where an address names nothing', async () => {
    const app = await serve()
    for (const place of ['runs/', 'runs/..', 'deliveries/%2e', 'webhooks//bins', 'functions/%']) {
      const { page } = await openPage(`${app.origin}/#/${place}`)
      await page.getByText('There is no such page').waitFor()
    }
  })

  test('is small, and has nothing inline', async () => {
    const index = await readFile(path.join(folder(), 'index.html'), 'utf8')
    assert.doesNotMatch(index, /<style|style=|<script(?![^>]* src=)|\son\w+=|https?:/)
    const assets = path.join(folder(), 'assets')
    const names = (await readdir(assets)).filter((name) => !/\.(br|gz)$/.test(name))
    const bodies = await Promise.all(names.map((name) => readFile(path.join(assets, name))))
    const bytes = [Buffer.from(index), ...bodies].reduce(
      (sum, one) => sum + gzipSync(one).length,
      0,
    )
    assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${bytes} bytes`)
  })
})
