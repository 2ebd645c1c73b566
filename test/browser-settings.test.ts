// The settings of a function in a real browser: what its owner changes there is changed on the server.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NO_BROWSER, consoleSuite, press, violations } from './helpers/browser.ts'
import { upload } from './helpers/client.ts'
import { example, guest } from './helpers/guests.ts'

describe('the settings of a function', { skip: NO_BROWSER }, () => {
  const { serve, openPage } = consoleSuite()

  const wasmOf = (name: string): string =>
    fileURLToPath(new URL(`../examples-rust/${name}/${name}.wasm`, import.meta.url))

  /** The settings of a new function, opened with its admin key. */
  async function openSettings(wasm: Buffer) {
    const app = await serve()
    const { id, adminKey } = await upload(app, wasm)
    const { page, faults } = await openPage(`${app.origin}/#/functions/${id}/settings`)
    await page.getByLabel('Admin key').fill(adminKey)
    await page.keyboard.press('Enter')
    const section = (name: string) => page.getByRole('region', { name, exact: true })
    await section('Versions').getByRole('cell', { name: 'active' }).waitFor()
    const read = async <T>(path: string): Promise<T> => {
      const response = await app.request(path, { headers: { SSVM_Admin_Key: adminKey } })
      return (await response.json()) as T
    }
    return { app, id, adminKey, page, faults, section, read }
  }

  test('changes what is stored of a function, and deletes it', async () => {
    const opened = await openSettings(await example('hello-context'))
    const { app, id, adminKey, page, faults, section: inSection } = opened
    await page.getByText('There are none. Set them here').waitFor()
    assert.deepEqual(await violations(page), [])
    const owner = (path: string) => app.request(path, { headers: { SSVM_Admin_Key: adminKey } })
    const saved = (name: string) => inSection(name).getByText('Saved', { exact: true }).waitFor()

    await inSection('State').getByRole('textbox').fill('bonjour')
    await page.getByRole('button', { name: 'Save the state' }).click()
    await saved('State')
    assert.equal(await (await owner(`/api/state/${id}`)).text(), 'bonjour')

    const variables = inSection('Variables').getByRole('textbox')
    await variables.fill('MAIL_FROM')
    await page.getByRole('button', { name: 'Replace the variables' }).click()
    await page.getByText('Each line has to be NAME=value.').waitFor()
    await variables.fill('MAIL_FROM=ann@example.org\nEMPTY=\n')
    await page.getByRole('button', { name: 'Replace the variables' }).click()
    await page.getByText('EMPTY, MAIL_FROM').waitFor()

    await page.getByLabel('run_timeout_ms').fill('1234')
    await page.getByRole('button', { name: 'Save the limits' }).click()
    await saved('Limits')
    const limits = (await (await owner(`/api/executables/${id}/limits`)).json()) as {
      limits: Record<string, { own: number | null }>
    }
    assert.equal(limits.limits.run_timeout_ms?.own, 1234)

    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Upload a new version' }).click()
    await (await chooser).setFiles(wasmOf('hello'))
    await page.getByText('Version 2 is active').waitFor()
    await page.getByRole('button', { name: 'Make version 1 active' }).click()
    await page.getByText('Version 1 is active').waitFor()
    await page.getByRole('button', { name: 'Make version 2 active' }).waitFor()
    assert.deepEqual(await violations(page), [])

    await page.getByRole('button', { name: 'Delete this function' }).click()
    await page.getByRole('button', { name: `Delete function ${id} for good` }).click()
    await page.getByText('There are no functions yet').waitFor()
    assert.deepEqual(faults, [])
  })

  test('send its results on, by a form or as JSON, checked as they are typed', async () => {
    const { id, page, faults, section, read } = await openSettings(await guest('echo'))
    const callback = section('Callback')
    const stored = async () =>
      (await read<{ wasm_callback_object: unknown }>(`/api/executables/${id}`)).wasm_callback_object
    await callback.getByLabel('URL', { exact: true }).fill('no address')
    await callback.getByText('Give a URL that begins with').waitFor()
    assert.deepEqual(await violations(page), [])
    await callback
      .getByLabel('URL', { exact: true })
      .fill('https://example.org:8443/receive?key=secret')
    await callback.getByLabel('Headers').fill('X-From console')
    await callback.getByText('is not of the form Name: value').waitFor()
    await callback.getByLabel('Headers').fill('X-From: console')
    await callback.getByLabel('Keep it and try again').check()
    await callback.getByLabel('Tries after the first').fill('x')
    await press(page, 'Store the callback')
    await callback.getByText('Give a whole number, from 0 to 100.').first().waitFor()
    await callback.getByLabel('Tries after the first').fill('3')
    await press(page, 'Store the callback')
    await callback.getByText('Results are sent here').waitFor()
    assert.doesNotMatch(await callback.locator('pre').innerText(), /secret/)
    assert.match(JSON.stringify(await stored()), /example\.org.*"retries":3/)
    assert.deepEqual(await violations(page), [])

    await callback.getByLabel('URL or JSON').check()
    const text = callback.getByRole('textbox')
    await text.fill('{"path": "/x"')
    await callback.getByText('This is not valid JSON').waitFor()
    await text.fill('{"path": "/x"}')
    await callback.getByText('The options name no host').waitFor()
    await text.fill('{"hostname": "example.net", "retry": {"retries": -1, "interval_ms": 100}}')
    await press(page, 'Replace the callback')
    await callback.getByText('INVALID_SPEC').waitFor()
    await text.fill('https://example.net/other')
    await press(page, 'Replace the callback')
    await callback.locator('pre').getByText('example.net').waitFor()
    await press(page, 'Remove it')
    await callback.getByText('Results go back to the caller.').waitFor()
    await callback.getByLabel('Form').check()
    await callback.getByLabel('URL', { exact: true }).fill('http://ann:100%@example.org/in')
    await callback.getByLabel('Keep it and try again').check()
    await callback.getByLabel('Tries after the first').fill('101')
    await callback.getByText('Give a whole number, from 0 to 100.').waitFor()
    await callback.getByLabel('Tries after the first').fill('100')
    await press(page, 'Store the callback')
    await callback.locator('pre').getByText('example.org').waitFor()
    assert.deepEqual(faults, [])
  })

  test('say its types, its name and how it is run', async () => {
    const { id, page, faults, section, read } = await openSettings(await guest('echo'))
    const types = section('Types')
    const declared = { ['echo']: { params: ['text'], result: 'text' } }
    await types.getByRole('textbox').fill('{')
    await types.getByText('This is not valid JSON yet').waitFor()
    await types.getByRole('textbox').fill('[]')
    await press(page, 'Save the types')
    await types.getByText('BAD_REQUEST').waitFor()
    await types.getByRole('textbox').fill(JSON.stringify(declared))
    await press(page, 'Save the types')
    await types.getByText('Saved', { exact: true }).waitFor()
    assert.deepEqual(await read(`/api/executables/${id}/types`), declared)

    const ways = section('Name and options')
    await ways.getByLabel('Name').fill('A parrot')
    await ways.getByLabel('Later calls may find').check()
    await press(page, 'Save the options')
    await page.getByRole('heading', { name: 'A parrot' }).waitFor()
    const { reuse, metered } = await read<{ reuse: boolean; metered: boolean }>(
      `/api/executables/${id}`,
    )
    assert.deepEqual([reuse, metered], [true, false])
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })

  test('make and take away its usage key and its signing secret', async () => {
    const { app, id, page, faults, section, read } = await openSettings(await guest('echo'))
    const calledWith = async (headers: Record<string, string>): Promise<number> => {
      const given = { method: 'POST', body: 'x', headers }
      const response = await app.request(`/api/run/${id}/echo`, given)
      await response.arrayBuffer()
      return response.status
    }
    assert.equal(await calledWith({}), 200)
    await press(page, 'Make a new usage key …')
    await press(page, 'Make it; an old key stops working')
    const key = await section('Usage key').locator('.secret code').innerText()
    assert.deepEqual([await calledWith({}), await calledWith({ SSVM_Usage_Key: key })], [401, 200])
    await press(page, 'Open it to all …')
    await press(page, 'Let anybody call it')
    await section('Usage key').getByText('Anybody may call it').waitFor()
    assert.equal(await calledWith({}), 200)

    const secrets = async () =>
      (await read<{ secrets: unknown[] }>(`/api/executables/${id}/signing-secret`)).secrets.length
    await press(page, 'Make a signing secret')
    await section('Signing')
      .getByText(/^whsec_/)
      .waitFor()
    assert.equal(await secrets(), 1)
    await press(page, 'Rotate it …')
    await press(page, 'Make a new secret')
    await section('Signing').getByText('signs until').waitFor()
    assert.equal(await secrets(), 2)
    await page.getByLabel('The old one signs beside it').selectOption('no longer: it leaked')
    await page.getByLabel(/^With a key pair too/).check()
    await press(page, 'Rotate it …')
    await press(page, 'Make a new secret; the old one ends now')
    await section('Signing')
      .getByText(/^whpk_/)
      .waitFor()
    assert.equal(await secrets(), 1)
    // Of the next one nobody said that it leaked.
    assert.equal(await page.getByLabel('The old one signs beside it').inputValue(), 'usual')
    assert.deepEqual(await violations(page), [])
    await press(page, 'Stop signing …')
    await press(page, 'Forget every secret of it')
    await section('Signing').getByText('Its callbacks are not signed.').waitFor()
    assert.equal(await secrets(), 0)
    assert.deepEqual(faults, [])
  })

  test('come and go without a wait for what is known', async () => {
    const { page, faults } = await openSettings(await guest('echo'))
    // Never answered.
    await page.route('**/api/executables/*', () => undefined)
    await page.getByRole('link', { name: 'Call and runs' }).click()
    await page.getByRole('button', { name: 'Call echo' }).waitFor()
    assert.deepEqual(faults, [])
  })

  test('lose nothing by a press too many, or by a server that is slow or fails', async () => {
    const opened = await openSettings(await guest('echo'))
    const { app, id, adminKey, page, faults, section, read } = opened
    const remove = page.getByRole('button', { name: 'Delete this function …' })
    await remove.dblclick()
    await page.getByRole('button', { name: `Delete function ${id} for good` }).waitFor()
    await press(page, 'Leave it')
    await remove.focus()
    await page.keyboard.down('Enter')
    // Held.
    await page.keyboard.down('Enter')
    await page.keyboard.up('Enter')
    await page.getByRole('button', { name: `Delete function ${id} for good` }).waitFor()
    await press(page, 'Leave it')

    const variables = section('Variables')
    const names = async () =>
      (await read<{ variables: string[] }>(`/api/executables/${id}`)).variables
    await variables.getByRole('textbox').fill('A=1')
    await press(page, 'Replace the variables')
    await variables.getByText('Set: A.').waitFor()
    await press(page, 'Replace the variables')
    await variables.getByText('Write one at least.').waitFor()
    assert.deepEqual(await names(), ['A'])
    await press(page, 'Remove all …')
    await press(page, 'Remove all variables')
    await variables.getByText('There are none.').waitFor()
    assert.deepEqual(await names(), [])

    const owner = { method: 'PUT', headers: { SSVM_Admin_Key: adminKey } }
    await app.request(`/api/state/${id}`, { ...owner, body: 'precious' })
    await app.request(`/api/callback/${id}`, { ...owner, body: 'http://127.0.0.1:9/' })
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route('**/api/state/*', async (asked) => {
      await held
      await asked.continue()
    })
    await page.reload()
    await press(page, 'Save the limits')
    assert.equal(await page.getByRole('button', { name: 'Save the state' }).count(), 0)
    release()
    const state = section('State').getByRole('textbox')
    await state.waitFor()
    assert.equal(await state.inputValue(), 'precious')

    await state.fill('typed')
    const failing = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }
    await page.route(`**/api/callback/${id}`, (asked) => asked.fulfill(failing))
    await press(page, 'Remove it')
    await section('Callback').getByText('UNEXPECTED_ANSWER').waitFor()
    await page.route(`**/api/executables/${id}`, (asked) =>
      asked.request().method() === 'GET' ? asked.fulfill(failing) : asked.continue(),
    )
    await press(page, 'Save the options')
    await section('Name and options').getByText('Saved', { exact: true }).waitFor()
    await page.locator('main > .note').getByText('UNEXPECTED_ANSWER').waitFor()
    assert.equal(await state.inputValue(), 'typed')
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
  })
})
