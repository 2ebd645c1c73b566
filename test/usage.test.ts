// The original's usage figures: what they count, who sees them, and that they outlast restarts and pruning.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'

const FIGURES = [
  'total_invocations',
  'total_gas_consumed',
  'latest_execution_time_in_nanoseconds',
  'full_usage_report',
]

function filter(names: readonly string[]): string {
  return `?filterBy=${encodeURIComponent(JSON.stringify(names))}`
}

function ask(app: TestApp, one: Uploaded, route = 'executables', names = FIGURES) {
  return app.request(`/api/${route}/${one.id}${filter(names)}`, { headers: admin(one) })
}

async function figures(app: TestApp, one: Uploaded): Promise<Record<string, unknown>> {
  const response = await ask(app, one)
  assert.equal(response.status, 200)
  return (await response.json()) as Record<string, unknown>
}

describe('usage figures', () => {
  const scope = suiteScope()
  let app: TestApp

  before(async () => {
    // Nothing is written while a test looks.
    app = await buildApp(scope, { RUN_FLUSH_MS: 60_000 })
  })

  test('are none before the first call', async () => {
    const one = await upload(app, await guest('echo'))
    const response = await ask(app, one)
    assert.match(response.headers.get('wasmhook-warning') ?? '', /not metered/)
    assert.deepEqual(await response.json(), {
      total_invocations: 0,
      total_gas_consumed: 0,
      latest_execution_time_in_nanoseconds: null,
      full_usage_report: {
        wasm_id: one.id,
        since: null,
        total_invocations: 0,
        invocations_by_outcome: { succeeded: 0, failed: 0, canceled: 0 },
        total_gas_consumed: 0,
        metered_invocations: 0,
        metered: false,
        total_input_bytes: 0,
        total_output_bytes: 0,
        total_queue_time_us: 0,
        total_execution_time_us: 0,
        latest_execution_time_in_nanoseconds: null,
      },
    })
  })

  test('count every ended call the moment its answer leaves, by outcome, with its bytes and times', async () => {
    const one = await upload(app, await guest('echo'))
    const first = await call(app, one, 'echo', { body: 'four' })
    await call(app, one, 'echo', { body: 'seven!!' })
    await refused(await call(app, one, 'no_such_function', { body: 'x' }), 404, 'UNKNOWN_FUNCTION')
    const shown = await figures(app, one)
    assert.equal(shown.total_invocations, 3)
    const report = shown.full_usage_report as Record<string, unknown>
    assert.deepEqual(report.invocations_by_outcome, { succeeded: 2, failed: 1, canceled: 0 })
    assert.equal(report.total_input_bytes, 12)
    assert.equal(report.total_output_bytes, 11)
    const run = await app.request(`/api/runs/${first.headers.get('wasmhook-run')}`)
    const { created_at: createdAt, fuel_used: fuelUsed } = (await run.json()) as Record<
      string,
      unknown
    >
    assert.equal(report.since, createdAt)
    assert.equal(fuelUsed, null)
    const latest = shown.latest_execution_time_in_nanoseconds
    // Of the last that ran: one that was refused takes no time and is not the latest execution.
    assert.ok(Number.isSafeInteger(latest), String(latest))
    assert.ok(Number(latest) > 0 && Number(latest) <= 1e10, String(latest))
  })

  test('are for the admin key, and are not in a description that does not ask for them', async () => {
    const one = await upload(app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    for (const name of FIGURES) {
      const url = `/api/executables/${one.id}${filter([name])}`
      await refused(await app.request(url), 401, 'MISSING_KEY')
      const headers = { SSVM_Usage_Key: one.usageKey }
      await refused(await app.request(url, { headers }), 403, 'WRONG_KEY')
      const alone = await ask(app, one, 'executables', [name])
      assert.deepEqual(Object.keys((await alone.json()) as object), [name])
    }
    const whole = await app.request(`/api/executables/${one.id}`, { headers: admin(one) })
    const shown = (await whole.json()) as Record<string, unknown>
    assert.ok(FIGURES.every((name) => !(name in shown)))
    assert.equal(whole.headers.get('wasmhook-warning'), null)
  })

  test('stand beside the log row where its filter names them', async () => {
    const one = await upload(app, await guest('echo'))
    await call(app, one, 'echo', { body: 'x' })
    const names = ['log_id', 'total_invocations', 'latest_execution_time_in_nanoseconds']
    const picked = await ask(app, one, 'log', names)
    assert.equal(picked.headers.get('wasmhook-warning'), null)
    const row = (await picked.json()) as Record<string, unknown>
    assert.deepEqual(Object.keys(row), names)
    assert.equal(row.total_invocations, 1)
    const unfiltered = await app.request(`/api/log/${one.id}`, { headers: admin(one) })
    assert.ok(!('total_invocations' in ((await unfiltered.json()) as object)))
    const unknown = await refused(await ask(app, one, 'log', ['gas']), 400, 'UNKNOWN_FILTER')
    assert.ok((unknown.filters as string[]).includes('full_usage_report'))
  })
})

test('usage outlasts a restart, and the runs that it counted', async (t) => {
  const app = await buildApp(t, { RUNS_KEPT: 0, FAILED_RUNS_KEPT: 0, RUN_FLUSH_MS: 1 })
  const one = await upload(app, await guest('echo'))
  // Old runs go after each hundred.
  for (let n = 0; n < 110; n++) await (await call(app, one, 'echo', { body: 'x' })).text()
  const before = await figures(app, one)
  assert.equal(before.total_invocations, 110)
  const again = await app.restart()
  assert.deepEqual(await figures(again, one), before)
  await call(again, one, 'echo', { body: 'x' })
  assert.equal((await figures(again, one)).total_invocations, 111)
  const runs = await again.request(`/api/executables/${one.id}/runs?limit=100`, {
    headers: admin(one),
  })
  assert.ok(((await runs.json()) as { items: unknown[] }).items.length < 100)
})
