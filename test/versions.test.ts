// Hot swap and roll-back: which binary a call runs, which ones are kept, and what a swap leaves alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { assemble } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'

interface Version {
  version: number
  active: boolean
  wasm_sha256: string
  size_bytes: number
  created_at: string
}

/** which(x) answers the number that the module was made with. */
function numbered(number: number): Buffer {
  return assemble(
    `(module (func (export "which") (param i32) (result i32) (i32.const ${number}))
      (func (export "spin") (param i32) (result i32) (loop $again (br $again)) (i32.const 0)))`,
  )
}

async function swap(app: TestApp, one: Uploaded, number: number): Promise<Record<string, unknown>> {
  const response = await app.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: { ...admin(one), 'content-type': 'application/octet-stream' },
    body: numbered(number),
  })
  const answer = (await response.json()) as Record<string, unknown>
  assert.equal(response.status, 200, JSON.stringify(answer))
  return answer
}

async function which(app: TestApp, one: Uploaded): Promise<string> {
  return (await call(app, one, 'which', { body: '0' })).text()
}

async function versions(app: TestApp, one: Uploaded): Promise<Version[]> {
  const response = await app.request(`/api/executables/${one.id}/versions`, { headers: admin(one) })
  const { items, next } = (await response.json()) as { items: Version[]; next: null }
  assert.equal(next, null)
  return items
}

function activate(app: TestApp, one: Uploaded, version: string | number): Promise<Response> {
  const path = `/api/executables/${one.id}/versions/${version}/activate`
  return app.request(path, { method: 'POST', headers: admin(one) })
}

async function versionOf(app: TestApp, response: Response): Promise<number> {
  const record = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
  return ((await record.json()) as { version: number }).version
}

test('a hot swap keeps id, keys, state and callback, and later calls run the new binary', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1), { SSVM_Description: 'kept' })
  await app.request(`/api/state/${one.id}`, { method: 'PUT', headers: admin(one), body: 'state' })
  assert.equal(await which(app, one), '1')
  const answer = await swap(app, one, 2)
  assert.equal(answer.wasm_id, one.id)
  assert.equal(answer.version, 2)
  assert.notEqual(answer.wasm_sha256, one.answer.wasm_sha256)
  assert.equal(await which(app, one), '2')
  const described = await app.request(`/api/executables/${one.id}`)
  const { version, wasm_sha256, wasm_state, wasm_description } = (await described.json()) as Record<
    string,
    unknown
  >
  assert.deepEqual(
    [version, wasm_sha256, wasm_state, wasm_description],
    [2, answer.wasm_sha256, 'state', 'kept'],
  )
})

test('versions are listed newest first, and any kept one can be made active again', async (t) => {
  const app = await buildApp(t, { VERSIONS_KEPT: 3 })
  const one = await upload(app, numbered(1))
  await swap(app, one, 2)
  await swap(app, one, 3)
  const listed = await versions(app, one)
  assert.deepEqual(
    listed.map(({ version, active }) => [version, active]),
    [
      [3, true],
      [2, false],
      [1, false],
    ],
  )
  for (const { wasm_sha256, size_bytes, created_at } of listed) {
    assert.match(wasm_sha256, /^0x[0-9a-f]{64}$/)
    assert.equal(size_bytes, numbered(1).length)
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  }
  const back = await activate(app, one, 1)
  assert.deepEqual(await back.json(), { ...listed[2], active: true })
  assert.equal(await which(app, one), '1')
  assert.deepEqual(await (await activate(app, one, 3)).json(), listed[0])
  assert.equal(await which(app, one), '3')
})

test('of more than VERSIONS_KEPT the oldest goes, but never the active one', async (t) => {
  const app = await buildApp(t, { VERSIONS_KEPT: 2 })
  const one = await upload(app, numbered(1))
  for (const number of [2, 3, 4]) await swap(app, one, number)
  const numbers = async () => (await versions(app, one)).map(({ version }) => version)
  assert.deepEqual(await numbers(), [4, 3])
  await refused(await activate(app, one, 2), 404, 'NOT_FOUND')
  assert.equal(await which(app, one), '4')
  await activate(app, one, 3)
  assert.equal(await which(app, one), '3')
  // Numbers go on from the highest ever given.
  assert.equal((await swap(app, one, 5)).version, 5)
  assert.equal(await which(app, one), '5')
})

test('a version that is none is 404, and nothing changes', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1))
  for (const version of ['0', '2', '-1', '01', '1.0', 'x', '99999999999', '__proto__']) {
    await refused(await activate(app, one, version), 404, 'NOT_FOUND')
  }
  assert.equal(await which(app, one), '1')
})

for (const kept of [10, 1]) {
  test(`a call under way ends on the version it began with, with VERSIONS_KEPT at ${kept}`, async (t) => {
    const app = await buildApp(t, { VERSIONS_KEPT: kept })
    const one = await upload(app, numbered(1))
    const arrived = createGate()
    const release = createGate()
    const upstream = await httpService(t, (_request, reply) => {
      arrived.open()
      void release.opened.then(() => reply.end('7'))
    })
    const underWay = call(app, one, 'which', { headers: { SSVM_Fetch: upstream.origin } })
    await arrived.opened
    await swap(app, one, 2)
    assert.equal(await which(app, one), '2')
    release.open()
    const response = await underWay
    assert.equal(await response.text(), '1')
    assert.equal(await versionOf(app, response), 1)
  })
}

test('a call under way ends although its executable is deleted meanwhile', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1))
  const arrived = createGate()
  const release = createGate()
  const upstream = await httpService(t, (_request, reply) => {
    arrived.open()
    void release.opened.then(() => reply.end('7'))
  })
  const underWay = call(app, one, 'which', { headers: { SSVM_Fetch: upstream.origin } })
  await arrived.opened
  const removed = await app.request(`/api/executables/${one.id}`, {
    method: 'DELETE',
    headers: admin(one),
  })
  assert.equal(removed.status, 200)
  await refused(await call(app, one, 'which', { body: '0' }), 404, 'NOT_FOUND')
  release.open()
  const response = await underWay
  assert.equal(await response.text(), '1')
})

test('a function that runs while it is swapped ends by its own limit, on its own version', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 500, VERSIONS_KEPT: 1, SANDBOX_THREADS: 4 })
  const one = await upload(app, numbered(1))
  const spinning = [1, 2].map(() => call(app, one, 'spin', { body: '0' }))
  await swap(app, one, 2)
  const responses = await Promise.all(spinning)
  for (const response of responses) {
    await refused(response, 504, 'RUN_TIMEOUT')
    assert.ok([1, 2].includes(await versionOf(app, response)))
  }
  assert.equal(await which(app, one), '2')
})

test('calls during swaps all answer, each from a version there was', async (t) => {
  const app = await buildApp(t, { VERSIONS_KEPT: 1 })
  const one = await upload(app, numbered(1))
  let swapping = true
  const callers = Array.from({ length: 4 }, async () => {
    while (swapping) {
      const response = await call(app, one, 'which', { body: '0' })
      const text = await response.text()
      assert.equal(response.status, 200, text)
      assert.equal(Number(text), await versionOf(app, response))
    }
  })
  for (let number = 2; number <= 8; number++) await swap(app, one, number)
  swapping = false
  await Promise.all(callers)
  assert.equal(await which(app, one), '8')
})

test('swaps at once all count, and the last number is active', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1))
  const answers = await Promise.all([2, 3, 4].map((number) => swap(app, one, number)))
  assert.deepEqual(answers.map((answer) => answer.version).sort(), [2, 3, 4])
  const [newest] = await versions(app, one)
  assert.deepEqual([newest?.version, newest?.active], [4, true])
})

test('the same binary twice is two versions, and dropping one leaves the other working', async (t) => {
  const app = await buildApp(t, { VERSIONS_KEPT: 1 })
  const one = await upload(app, numbered(1))
  const other = await upload(app, numbered(1))
  await swap(app, one, 1)
  assert.equal(await which(app, one), '1')
  await app.request(`/api/executables/${one.id}`, { method: 'DELETE', headers: admin(one) })
  assert.equal(await which(app, other), '1')
  await refused(await call(app, one, 'which', { body: '0' }), 404, 'NOT_FOUND')
})
