// /api/ephemeral_storage: JSON that anybody with the key may read for an hour.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'

const PATH = '/api/ephemeral_storage'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const HOUR_MS = 3_600_000

function send(
  app: TestApp,
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
) {
  return app.request(PATH + path, {
    method,
    ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
  })
}

async function create(app: TestApp, value: unknown): Promise<string> {
  const response = await send(app, 'POST', '', JSON.stringify(value))
  assert.equal(response.status, 200, await response.clone().text())
  const answer = (await response.json()) as { key: string }
  assert.deepEqual(Object.keys(answer), ['key'])
  assert.match(answer.key, UUID)
  return answer.key
}

async function missing(response: Response): Promise<void> {
  assert.equal((await refused(response, 404, 'NOT_FOUND')).error, 'Key not found')
}

test('any JSON value is kept, read by its key, replaced and deleted', async (t) => {
  const app = await buildApp(t)
  for (const value of [
    { a: [1, { b: null }], 'ü😀': 'é\u0000\u2028' },
    {},
    [],
    'text',
    '',
    0,
    -1.5e-7,
    true,
    false,
    null,
  ]) {
    const key = await create(app, value)
    const read = await send(app, 'GET', `/${key}`)
    assert.equal(read.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.deepEqual(await read.json(), { value })
    const replaced = await send(app, 'PUT', `/${key}`, '{"new":true}')
    assert.deepEqual(await replaced.json(), { key })
    assert.deepEqual(await (await send(app, 'GET', `/${key}`)).json(), { value: { new: true } })
    const deleted = await send(app, 'DELETE', `/${key}`)
    assert.deepEqual(await deleted.json(), { key })
    await missing(await send(app, 'GET', `/${key}`))
  }
})

test('an unknown key is 404 to read, replace and delete, and PUT makes no new one', async (t) => {
  const app = await buildApp(t)
  for (const key of [
    'b4a1c6de-1111-4111-8111-111111111111',
    'x',
    '__proto__',
    '%00',
    "'--",
    'x'.repeat(500),
  ]) {
    await missing(await send(app, 'GET', `/${key}`))
    await missing(await send(app, 'PUT', `/${key}`, '1'))
    await missing(await send(app, 'DELETE', `/${key}`))
    await missing(await send(app, 'GET', `/${key}`))
  }
})

test('a value ends after its hour, which a replacement begins anew and a read does not', async (t) => {
  let nowMs = Date.parse('2026-01-01T00:00:00Z')
  const app = await buildApp(t, {}, { now: () => nowMs })
  const read = await create(app, 'read')
  const renewed = await create(app, 'renewed')
  nowMs += HOUR_MS - 1
  assert.equal((await send(app, 'GET', `/${read}`)).status, 200)
  assert.equal((await send(app, 'PUT', `/${renewed}`, '"again"')).status, 200)
  nowMs += 1
  await missing(await send(app, 'GET', `/${read}`))
  await missing(await send(app, 'PUT', `/${read}`, '1'))
  await missing(await send(app, 'DELETE', `/${read}`))
  assert.deepEqual(await (await send(app, 'GET', `/${renewed}`)).json(), { value: 'again' })
  nowMs += HOUR_MS
  await missing(await send(app, 'GET', `/${renewed}`))
})

test('EPHEMERAL_TTL_MS says how long a value is kept', async (t) => {
  let nowMs = 1_000_000
  const app = await buildApp(t, { EPHEMERAL_TTL_MS: 50 }, { now: () => nowMs })
  const key = await create(app, 1)
  nowMs += 49
  assert.equal((await send(app, 'GET', `/${key}`)).status, 200)
  nowMs += 1
  await missing(await send(app, 'GET', `/${key}`))
})

test('a value outlives a restart', async (t) => {
  const app = await buildApp(t)
  const key = await create(app, { kept: 1 })
  const again = await app.restart()
  assert.deepEqual(await (await send(again, 'GET', `/${key}`)).json(), { value: { kept: 1 } })
})

test('a body that is not JSON, or is missing, is refused and stores nothing', async (t) => {
  const app = await buildApp(t)
  const key = await create(app, 'kept')
  for (const [method, path] of [
    ['POST', ''],
    ['PUT', `/${key}`],
  ] as const) {
    for (const body of ['{', 'undefined', '{"a":1', "{'a':1}", 'NaN', '1 2', '']) {
      await refused(await send(app, method, path, body), 400, 'INVALID_JSON')
    }
    await refused(await send(app, method, path), 400, 'INVALID_JSON')
    const other = await send(app, method, path, 'x', 'application/octet-stream')
    await refused(other, 415, 'UNSUPPORTED_MEDIA_TYPE')
    await refused(await send(app, method, path, 'x', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE')
  }
  assert.deepEqual(await (await send(app, 'GET', `/${key}`)).json(), { value: 'kept' })
})

test('names that would reach an object prototype are refused or plain data', async (t) => {
  const app = await buildApp(t)
  for (const body of [
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
  ]) {
    const response = await send(app, 'POST', '', body)
    assert.ok([200, 400].includes(response.status), await response.text())
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  }
})

test('one value past EPHEMERAL_VALUE_BYTES is 413', async (t) => {
  const app = await buildApp(t, { EPHEMERAL_VALUE_BYTES: 100 })
  const key = await create(app, 'x'.repeat(98))
  const large = JSON.stringify('x'.repeat(99))
  await refused(await send(app, 'POST', '', large), 413, 'BODY_TOO_LARGE')
  await refused(await send(app, 'PUT', `/${key}`, large), 413, 'BODY_TOO_LARGE')
  assert.equal((await send(app, 'GET', `/${key}`)).status, 200)
})

test('the bounds of bytes and entries are 507, and what expires or goes makes room', async (t) => {
  for (const settings of [{ EPHEMERAL_ENTRIES: 3 }, { EPHEMERAL_BYTES: 30 }]) {
    let nowMs = 1_000_000
    const app = await buildApp(t, settings, { now: () => nowMs })
    const value = 'eight by'
    const keys = [await create(app, value), await create(app, value), await create(app, value)]
    const full = JSON.stringify(value)
    await refused(await send(app, 'POST', '', full), 507, 'EPHEMERAL_STORAGE_FULL')
    assert.equal((await send(app, 'PUT', `/${keys[0]}`, full)).status, 200)
    await send(app, 'DELETE', `/${keys[1]}`)
    await create(app, value)
    await refused(await send(app, 'POST', '', full), 507, 'EPHEMERAL_STORAGE_FULL')
    nowMs += HOUR_MS
    for (const key of keys) await missing(await send(app, 'GET', `/${key}`))
    await create(app, value)
  }
})

test('parallel writes never pass the bound', async (t) => {
  const app = await buildApp(t, { EPHEMERAL_ENTRIES: 5 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(app, 'POST', '', '1')))
  const statuses = answers.map((answer) => answer.status).sort()
  assert.deepEqual(statuses, [...Array<number>(5).fill(200), ...Array<number>(15).fill(507)])
})
