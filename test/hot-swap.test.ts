// Hot swaps, rollbacks and deletes while the function is being called.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { textOf } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'

interface Version {
  version: number
  active: boolean
}

function numbered(n: number): Buffer {
  return assemble(`(module (func (export "answer") (result i32) (i32.const ${n})))`)
}

function swap(app: TestApp, one: Uploaded, wasm: Buffer): Promise<Response> {
  return app.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: wasm,
  })
}

async function versions(app: TestApp, one: Uploaded): Promise<Version[]> {
  const response = await app.request(`/api/executables/${one.id}/versions`, { headers: admin(one) })
  return ((await response.json()) as { items: Version[] }).items
}

async function compiledForms(app: TestApp): Promise<number> {
  const files = await readdir(path.join(app.dataDir, 'modules'), { recursive: true })
  return files.filter((file) => file.endsWith('.cwasm')).length
}

/** Calls until told to stop; what each call answered. */
function keepCalling(app: TestApp, one: Uploaded): { stop: () => Promise<Set<string>> } {
  const seen = new Set<string>()
  let stopped = false
  const loop = async (): Promise<void> => {
    do {
      const response = await call(app, one, 'answer')
      seen.add(`${response.status} ${await response.text()}`)
    } while (!stopped)
  }
  const loops = Promise.all(Array.from({ length: 4 }, loop))
  return {
    async stop() {
      stopped = true
      await loops
      return seen
    },
  }
}

test('every call made during hot swaps and rollbacks is answered by one version or another', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1))
  const caller = keepCalling(app, one)
  for (let n = 2; n <= 8; n++) {
    assert.equal((await swap(app, one, numbered(n))).status, 200)
    assert.equal(
      await textOf(app, one, 'answer'),
      String(n),
      'a call after the swap is the new one',
    )
  }
  for (const version of [1, 5, 8, 1]) {
    const response = await app.request(`/api/executables/${one.id}/versions/${version}/activate`, {
      method: 'POST',
      headers: admin(one),
    })
    assert.equal(response.status, 200)
    assert.equal(await textOf(app, one, 'answer'), String(version))
  }
  const allowed = Array.from({ length: 8 }, (_, n) => `200 ${n + 1}`)
  for (const answer of await caller.stop()) assert.ok(allowed.includes(answer), answer)
})

test('a call that a hot swap overtakes ends on the version it was accepted for', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 5_000 })
  const one = await upload(app, await guest('misbehaves'))
  const spinning = call(app, one, 'spin')
  for (let running = 0; running === 0;) {
    const ready = await (await app.request('/readyz')).json()
    running = (ready as { sandbox: { running: number } }).sandbox.running
  }
  assert.equal((await swap(app, one, numbered(2))).status, 200)
  assert.equal(await textOf(app, one, 'answer'), '2')
  const answer = await refused(await spinning, 504, 'RUN_TIMEOUT')
  const run = (await (await app.request(`/api/runs/${answer.run_id as string}`)).json()) as Version
  assert.equal(run.version, 1)
})

test('ten hot swaps at once are ten versions; only VERSIONS_KEPT stay, compiled forms included', async (t) => {
  const app = await buildApp(t, { VERSIONS_KEPT: 3 })
  const one = await upload(app, numbered(0))
  const swaps = Array.from({ length: 10 }, (_, n) => swap(app, one, numbered(n + 1)))
  for (const response of await Promise.all(swaps)) assert.equal(response.status, 200)
  const kept = await versions(app, one)
  assert.deepEqual(
    kept.map(({ version }) => version),
    [11, 10, 9],
  )
  assert.deepEqual(
    kept.filter(({ active }) => active).map(({ version }) => version),
    [11],
  )
  assert.equal(await compiledForms(app), 3)
  const response = await app.request(`/api/executables/${one.id}/versions/1/activate`, {
    method: 'POST',
    headers: admin(one),
  })
  await refused(response, 404, 'NOT_FOUND')
})

test('calls during a delete are answered or get 404, and nothing of the executable stays', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, numbered(1))
  const run = (await call(app, one, 'answer')).headers.get('wasmhook-run')
  const caller = keepCalling(app, one)
  const deleted = await app.request(`/api/executables/${one.id}`, {
    method: 'DELETE',
    headers: admin(one),
  })
  assert.equal(deleted.status, 200)
  for (const answer of await caller.stop()) assert.match(answer, /^(200 1$|404 .*"NOT_FOUND")/)
  await refused(await call(app, one, 'answer'), 404, 'NOT_FOUND')
  await refused(await app.request(`/api/runs/${run}`), 404, 'NOT_FOUND')
  assert.deepEqual(await (await app.request('/api/executables')).json(), [])
  // The last call under way takes the compiled form with it, after its answer.
  while ((await compiledForms(app)) > 0) await new Promise(setImmediate)
})

test('an upload that breaks off leaves nothing', async (t) => {
  const app = await buildApp(t)
  const wasm = await guest('raw-numbers')
  const sent = request(`${app.origin}/api/executables`, {
    method: 'POST',
    headers: { 'content-length': wasm.length },
  })
  const closed = new Promise((resolve) => sent.on('error', () => undefined).on('close', resolve))
  await new Promise((resolve) => sent.write(wasm.subarray(0, 100), resolve))
  sent.destroy()
  await closed
  assert.deepEqual(await (await app.request('/api/executables')).json(), [])
  assert.equal(await compiledForms(app), 0)
})
