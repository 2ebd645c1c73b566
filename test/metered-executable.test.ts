// A metered executable over HTTP: switched by its owner, its compiled form made before the switch, its fuel
// told in the run, bounded by its limit and added up in its usage.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { configure, textOf } from './helpers/guest-calls.ts'
import { assemble } from './helpers/guests.ts'

/** Counts up to its argument; `tag` makes other bytes of the same function. */
function counting(tag = 0): Buffer {
  return assemble(`(module
    (global i32 (i32.const ${tag}))
    (func (export "count") (param i32) (result i32) (local $done i32)
      (loop $again
        (local.set $done (i32.add (local.get $done) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $done) (local.get 0))))
      (local.get $done)))`)
}

function meter(app: TestApp, one: Uploaded, metered: boolean): Promise<Response> {
  return app.request(`/api/executables/${one.id}`, {
    method: 'PATCH',
    headers: { ...admin(one), 'content-type': 'application/json' },
    body: JSON.stringify({ metered }),
  })
}

function swap(app: TestApp, one: Uploaded, wasm: Buffer): Promise<Response> {
  return app.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: { ...admin(one), 'content-type': 'application/octet-stream' },
    body: wasm,
  })
}

async function fuelOf(app: TestApp, one: Uploaded, body: string): Promise<unknown> {
  const response = await call(app, one, 'count', { body })
  assert.equal(await response.text(), body)
  const run = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
  return ((await run.json()) as Record<string, unknown>).fuel_used
}

async function reportOf(app: TestApp, one: Uploaded): Promise<Record<string, unknown>> {
  const url = `/api/executables/${one.id}?filterBy=["full_usage_report"]`
  const response = await app.request(url, { headers: admin(one) })
  const shown = (await response.json()) as { full_usage_report: Record<string, unknown> }
  return shown.full_usage_report
}

/** The metered forms that lie in the cache. */
async function meteredForms(app: TestApp): Promise<number> {
  const names = await readdir(path.join(app.dataDir, 'modules'), { recursive: true })
  return names.filter((name) => name.endsWith('.metered.cwasm')).length
}

describe('a metered executable', () => {
  const scope = suiteScope()
  let app: TestApp

  before(async () => {
    app = await buildApp(scope)
  })

  test('tells the fuel of each run, more for more work, and adds it up', async () => {
    const one = await upload(app, counting())
    assert.equal(await fuelOf(app, one, '10'), null)
    const forms = await meteredForms(app)
    assert.equal((await meter(app, one, true)).status, 200)
    assert.equal(await meteredForms(app), forms + 1)
    const few = Number(await fuelOf(app, one, '10'))
    const many = Number(await fuelOf(app, one, '100000'))
    assert.ok(few > 0 && many > 1_000 * few, `${few}, ${many}`)
    const report = await reportOf(app, one)
    assert.equal(report.total_gas_consumed, few + many)
    assert.equal(report.metered_invocations, 2)
    assert.equal(report.total_invocations, 3)
    assert.equal(report.metered, true)
    const url = `/api/executables/${one.id}?filterBy=["total_gas_consumed"]`
    const gas = await app.request(url, { headers: admin(one) })
    assert.equal(gas.headers.get('wasmhook-warning'), null)
    assert.deepEqual(await gas.json(), { total_gas_consumed: few + many })
    // Switched off, what was counted stays.
    assert.equal((await meter(app, one, false)).status, 200)
    assert.equal(await fuelOf(app, one, '10'), null)
    assert.equal((await reportOf(app, one)).total_gas_consumed, few + many)
  })

  test('that uses more than its run_fuel is ended, and the fuel is told and counted', async () => {
    const one = await upload(app, counting())
    await meter(app, one, true)
    await configure(app, one, 'limits', { run_fuel: 1_000 })
    const response = await call(app, one, 'count', { body: '1000000' })
    const run = response.headers.get('wasmhook-run')
    await refused(response, 500, 'FUEL_LIMIT')
    const record = (await (await app.request(`/api/runs/${run}`)).json()) as Record<string, unknown>
    assert.equal(record.fuel_used, 1_000)
    assert.equal((await reportOf(app, one)).total_gas_consumed, 1_000)
    assert.equal(await textOf(app, one, 'count', ['3']), '3')
  })

  test('has the metered form of a hot swap before the swap takes effect', async () => {
    const one = await upload(app, counting())
    await meter(app, one, true)
    const forms = await meteredForms(app)
    assert.equal((await swap(app, one, counting(1))).status, 200)
    assert.equal(await meteredForms(app), forms + 1)
    assert.ok(Number(await fuelOf(app, one, '10')) > 0)
  })

  test('stays as it was where the metered form cannot be made', async (t) => {
    const roomy = await buildApp(t)
    const two = '(memory 2) (func (export "f") (result i32) (i32.const 1))'
    const one = await upload(roomy, assemble(`(module ${two})`))
    // The next server's compiler refuses what starts with so much memory.
    const tight = await roomy.restart({ RUN_MEMORY_BYTES: 65_536, RUN_MEMORY_BYTES_MAX: 65_536 })
    await refused(await meter(tight, one, true), 400, 'MODULE_EXCEEDS_LIMITS')
    const shown = await tight.request(`/api/executables/${one.id}`, { headers: admin(one) })
    assert.equal(((await shown.json()) as Record<string, unknown>).metered, false)
    assert.equal(await meteredForms(tight), 0)
  })

  test('switched and swapped at the same time, every answer comes from a whole of both', async () => {
    const one = await upload(app, counting())
    const calling = { on: true }
    const calls = (async () => {
      while (calling.on) await fuelOf(app, one, '10')
    })()
    for (let round = 1; round <= 6; round++) {
      const [switched, swapped] = await Promise.all([
        meter(app, one, round % 2 === 1),
        swap(app, one, counting(round)),
      ])
      assert.deepEqual([switched.status, swapped.status], [200, 200])
      const fuel = await fuelOf(app, one, '10')
      assert.equal(fuel !== null, round % 2 === 1)
    }
    calling.on = false
    await calls
  })
})

test("executables that are being metered leave the compiler's queue to uploads", async (t) => {
  const app = await buildApp(t, { COMPILE_QUEUE_LENGTH: 1 })
  const owners: Uploaded[] = []
  for (let n = 0; n < 4; n++) owners.push(await upload(app, counting(n)))
  const switching = owners.map((one) => meter(app, one, true))
  await upload(app, counting(4))
  for (const answer of await Promise.all(switching)) assert.equal(answer.status, 200)
})
