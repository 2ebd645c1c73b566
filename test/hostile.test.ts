// Guests that mean harm or are broken: each ends with its own status, code and detail, and alone.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, textOf } from './helpers/guest-calls.ts'
import type { Inputs } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'
import { until } from './helpers/until.ts'

const MiB = 1024 * 1024
const OUTPUT_BYTES = MiB
const LOG_BYTES = 1000

/** What is used of V8's own WebAssembly, which is typed only in a browser's library. */
interface V8 {
  Module: new (wasm: Buffer) => object
  Instance: new (module: object) => { exports: Record<string, () => unknown> }
}

describe('a hostile guest', () => {
  const scope = suiteScope()
  let app: TestApp
  let healthy: Uploaded
  const uploaded = new Map<string, Uploaded>()

  before(async () => {
    app = await buildApp(scope, {
      RUN_TIMEOUT_MS: 200,
      RUN_MEMORY_BYTES: 4 * MiB,
      TABLE_ELEMENTS: 3_000,
      OUTPUT_BYTES,
      LOG_BYTES,
    })
    healthy = await upload(app, await guest('raw-numbers'))
  })

  async function hostile(name: string): Promise<Uploaded> {
    const present = uploaded.get(name) ?? (await upload(app, await guest(name)))
    uploaded.set(name, present)
    return present
  }

  const ROWS: readonly (readonly [string, string, string, Inputs, number, string, object?])[] = [
    // what it does, guest, function, inputs, status, code, detail
    ['spins', 'misbehaves', 'spin', [], 504, 'RUN_TIMEOUT'],
    ['spins in its start function', 'spin-in-start', 'answer', [], 504, 'RUN_TIMEOUT'],
    ['sleeps for an hour', 'wasi-program', 'run', ['', 'sleep'], 504, 'RUN_TIMEOUT'],
    ['recurses without end', 'misbehaves', 'recurse', [], 500, 'TRAP', { trap: 'stack_overflow' }],
    ...[
      'unreachable',
      'memory_out_of_bounds',
      'table_out_of_bounds',
      'indirect_call_to_null',
      'bad_signature',
      'integer_overflow',
      'integer_division_by_zero',
      'bad_conversion_to_integer',
    ].map((trap) => [`traps: ${trap}`, 'misbehaves', trap, [], 500, 'TRAP', { trap }] as const),
    [
      'grows its memory to the limit and aborts',
      'misbehaves',
      'grow_memory',
      [],
      500,
      'MEMORY_LIMIT',
      { memory_bytes: 4 * MiB },
    ],
    [
      'grows its table to the limit and aborts',
      'misbehaves',
      'grow_table',
      [],
      500,
      'TABLE_LIMIT',
      { table_elements: 3_000 },
    ],
    ['hoards values of the host', 'wasm-bindgen-87', 'hoard', [], 500, 'MEMORY_LIMIT'],
    ['floods stdout', 'wasi-program', 'run', ['', 'flood'], 500, 'OUTPUT_TOO_LARGE'],
    ['returns more than OUTPUT_BYTES', 'broken-results', 'everything', [], 500, 'OUTPUT_TOO_LARGE'],
    ['returns text outside its memory', 'broken-results', 'outside', [], 500, 'GUEST_ABI'],
    ['returns text past its end', 'broken-results', 'past_the_end', [], 500, 'GUEST_ABI'],
    ['returns an overflowing length', 'broken-results', 'overflow', [], 500, 'GUEST_ABI'],
    ['writes no result', 'broken-results', 'unwritten', [], 500, 'GUEST_ABI'],
    ['returns no UTF-8 as text', 'broken-results', 'not_utf8', [], 500, 'INVALID_UTF8'],
    [
      'names an error it does not have',
      'broken-results',
      'no_such_error',
      [],
      422,
      'FUNCTION_ERROR',
    ],
    ['allocates outside its memory', 'broken-malloc', 'length', ['text'], 500, 'GUEST_ABI'],
    ['has its stack outside its memory', 'broken-stack-pointer', 'say', ['x'], 500, 'GUEST_ABI'],
    ['takes text without an allocator', 'no-malloc', 'length', ['text'], 500, 'GUEST_ABI'],
    ['returns text without a memory', 'no-malloc', 'say', [], 500, 'GUEST_ABI'],
    [
      'calls an import nobody provides',
      'missing-import',
      'calls',
      ['1'],
      500,
      'MISSING_IMPORT',
      { import: 'env.launch' },
    ],
  ]
  for (const [what, name, fn, inputs, status, code, detail] of ROWS) {
    test(`that ${what} gets ${status} ${code}, and the next call of another function works`, async () => {
      const one = await hostile(name)
      const response = await callWith(app, one, fn, inputs)
      const run = response.headers.get('wasmhook-run')
      const answer = await refused(response, status, code)
      for (const [key, value] of Object.entries(detail ?? {})) assert.equal(answer[key], value)
      assert.equal(answer.run_id, run)
      const record = await (await app.request(`/api/runs/${run}`)).json()
      assert.equal((record as Record<string, unknown>).code, code)
      assert.equal(await textOf(app, healthy, 'answer'), '42')
    })
  }

  test('may return what is no UTF-8 as bytes', async () => {
    const one = await hostile('broken-results')
    const response = await call(app, one, 'not_utf8', { bytes: true })
    assert.deepEqual(
      Buffer.from(await response.arrayBuffer()),
      Buffer.from('\xff\xfe text', 'latin1'),
    )
  })

  test('works while it stays within its limits, and works again after it did not', async () => {
    const one = await hostile('misbehaves')
    assert.equal(await textOf(app, one, 'pages'), String((4 * MiB) / 65_536))
    await refused(await call(app, one, 'grow_memory'), 500, 'MEMORY_LIMIT')
    assert.equal(await textOf(app, one, 'pages'), String((4 * MiB) / 65_536))
    assert.equal(await textOf(app, await hostile('missing-import'), 'answer'), '42')
    assert.equal(await textOf(app, await hostile('broken-malloc'), 'length', ['']), '0')
  })

  test('that starts with more memory than RUN_MEMORY_BYTES is refused by name when called', async () => {
    const wasm = assemble('(module (memory 65) (func (export "f") (result i32) (i32.const 1)))')
    await refused(await call(app, await upload(app, wasm), 'f'), 500, 'MEMORY_LIMIT')
  })

  test('that floods its log is cut at LOG_BYTES and goes on', async () => {
    const response = await call(app, await hostile('flood-log'), 'answer')
    const run = response.headers.get('wasmhook-run')
    assert.equal(await response.text(), '42')
    const record = (await (await app.request(`/api/runs/${run}`)).json()) as Record<string, unknown>
    assert.equal(String(record.log).length, LOG_BYTES)
    assert.equal(record.log_truncated, true)
  })

  test('whose describe functions lie or never end is taken in, and not believed', async () => {
    const one = await hostile('cargo-output-hostile')
    const functions = one.answer.functions as { params: unknown }[]
    assert.ok(functions.every((fn) => (fn.params ?? null) === null))
    assert.equal(await textOf(app, one, 'nonsense', ['7']), '7')
  })

  test('and a trap of V8’s own WebAssembly are both just thrown, in one process, in any order', async () => {
    const wasm = await guest('misbehaves')
    const one = await hostile('misbehaves')
    const { Instance, Module } = (globalThis as unknown as { WebAssembly: V8 }).WebAssembly
    const { exports: inV8 } = new Instance(new Module(wasm))
    for (const name of ['memory_out_of_bounds', 'recurse', 'unreachable', 'bad_signature']) {
      assert.throws(() => inV8[name]?.(), /RangeError|RuntimeError/)
      await refused(await call(app, one, name), 500, 'TRAP')
      assert.throws(() => inV8[name]?.(), /RangeError|RuntimeError/)
    }
    const pending = Array.from({ length: 20 }, () => call(app, one, 'memory_out_of_bounds'))
    for (let n = 0; n < 100; n++) assert.throws(() => inV8.memory_out_of_bounds?.())
    for (const response of await Promise.all(pending)) await refused(response, 500, 'TRAP')
  })

  test('costs its callers nothing more when they hang up', async () => {
    const one = await hostile('misbehaves')
    const gone = new AbortController()
    const calls = Array.from({ length: 8 }, () =>
      app.request(`/api/run/${one.id}/spin`, { method: 'POST', signal: gone.signal }),
    )
    await until(app, ({ running }) => running > 0)
    gone.abort()
    for (const outcome of await Promise.allSettled(calls)) assert.equal(outcome.status, 'rejected')
    await until(app, ({ running, queued }) => running + queued === 0)
    assert.equal(await textOf(app, healthy, 'answer'), '42')
  })
})

test('while 100 calls of one function spin, others and /healthz answer, and each ends 504', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 250, QUEUE_WAIT_MS: 120_000, DRAIN_MS: 20_000 })
  const spinner = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('wasm-bindgen-100'))
  let ended = 0
  const spinning = Array.from({ length: 100 }, async () => {
    const response = await call(app, spinner, 'spin')
    ended++
    return response
  })
  await until(app, ({ running, queued }) => running > 0 && queued > 50)
  for (let round = 0; round < 5; round++) {
    const health = await app.request('/healthz')
    assert.deepEqual(await health.json(), { status: 'ok' })
    assert.equal(await textOf(app, healthy, 'say', ['you']), 'hello you')
  }
  // An upload compiles in its own process, and what it uploads is called at once.
  const late = await upload(app, await guest('raw-numbers'))
  assert.equal(await textOf(app, late, 'answer'), '42')
  assert.ok(ended < 100, 'all the spinning calls ended before the others were answered')
  for (const response of await Promise.all(spinning)) {
    await refused(response, 504, 'RUN_TIMEOUT')
  }
})

test('a full queue and too long a wait are 503 with Retry-After, for that executable alone', async (t) => {
  const app = await buildApp(t, {
    RUN_TIMEOUT_MS: 2_000,
    CONCURRENCY: 1,
    QUEUE_LENGTH: 1,
    QUEUE_WAIT_MS: 100,
  })
  const spinner = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('raw-numbers'))
  const first = call(app, spinner, 'spin')
  await until(app, ({ running }) => running === 1)
  // The order in which these two arrive is their own; one of them waits, the other finds it full.
  const others = await Promise.all([call(app, spinner, 'spin'), call(app, spinner, 'spin')])
  for (const response of others) assert.equal(response.headers.get('retry-after'), '1')
  const codes = await Promise.all(
    others.map(async (response) => {
      assert.equal(response.status, 503)
      return ((await response.json()) as { code: string }).code
    }),
  )
  assert.deepEqual(codes.sort(), ['QUEUE_FULL', 'QUEUE_TIMEOUT'])
  assert.equal(await textOf(app, healthy, 'answer'), '42')
  await refused(await first, 504, 'RUN_TIMEOUT')
})

test('inputs over INPUT_BYTES get 413, whether in one body or in parts', async (t) => {
  const app = await buildApp(t, { INPUT_BYTES: 1_000 })
  const one = await upload(app, await guest('wasm-bindgen-100'))
  const context = await upload(app, await guest('context'))
  assert.equal((await textOf(app, one, 'say', ['x'.repeat(1_000)])).length, 1_006)
  const body = await callWith(app, one, 'say', ['x'.repeat(1_001)])
  assert.equal(body.status, 413, await body.text())
  const parts = await callWith(app, context, 'say', ['x'.repeat(501), 'y'.repeat(500)])
  assert.equal(parts.status, 413, await parts.text())
})

test('more bytes than BUFFERED_BYTES get 503 with Retry-After, and are free again afterwards', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 100_000 })
  const one = await upload(app, await guest('wasm-bindgen-100'))
  for (let round = 0; round < 5; round++) {
    const large = await callWith(app, one, 'say', ['x'.repeat(90_000)])
    assert.equal(large.headers.get('retry-after'), '1')
    await refused(large, 503, 'BUFFERS_FULL')
    assert.equal((await textOf(app, one, 'say', ['x'.repeat(40_000)])).length, 40_006)
  }
})
