// Uploads and hot swaps: what is answered, what is refused, and that a refusal leaves nothing behind.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { assemble, example, guest } from './helpers/guests.ts'
import { hugeFunction, manyFunctions } from './helpers/wasm-binary.ts'

const run = promisify(execFile)
const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const ZERO_KEY = '00000000-0000-0000-0000-000000000000'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MODULE_BYTES_MAX = 1024 * 1024

function post(app: TestApp, body: Buffer | ReadableStream | undefined): Promise<Response> {
  const headers = { 'content-type': 'application/octet-stream' }
  if (body === undefined) return app.request('/api/executables', { method: 'POST' })
  return app.request('/api/executables', {
    method: 'POST',
    headers,
    body,
    // fetch() asks for this where a body is a stream, which it sends without a Content-Length.
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  })
}

/** Every file under DATA_DIR/modules, by its path there. */
async function moduleFiles(app: TestApp): Promise<string[]> {
  const folder = path.join(app.dataDir, 'modules')
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
}

async function list(app: TestApp): Promise<unknown> {
  return (await app.request('/api/executables')).json()
}

describe('a refused upload', () => {
  const scope = suiteScope()
  let app: TestApp
  before(async () => {
    app = await buildApp(scope, { MODULE_BYTES_MAX, COMPILE_TIMEOUT_MS: 20_000 })
    await upload(app, await example('hello'))
  })

  async function compiledForm(): Promise<Buffer> {
    const name = (await moduleFiles(app)).find((file) => file.endsWith('.cwasm'))
    assert.ok(name !== undefined)
    return readFile(path.join(app.dataDir, 'modules', name))
  }
  const wat = (name: string): Promise<Buffer> =>
    readFile(new URL(`./guests/${name}.wat`, import.meta.url))
  const hello = (): Promise<Buffer> => example('hello')
  const cut = async (bytes: number): Promise<Buffer> => (await hello()).subarray(0, bytes)
  const body = (bytes: readonly number[]): Buffer => Buffer.concat([HEADER, Buffer.from(bytes)])

  const many = (one: string, before = ''): Buffer =>
    assemble(`(module ${before} ${one.repeat(50_001)})`)

  const CASES: readonly (readonly [string, string, () => Promise<Buffer> | Buffer, RegExp?])[] = [
    ['an empty body', 'NOT_WASM', () => Buffer.alloc(0), /empty/],
    ['a picture', 'NOT_WASM', () => Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1')],
    ['a file name that curl was to send', 'NOT_WASM', () => Buffer.from('hello.wasm'), /@/],
    ['WebAssembly text', 'NOT_WASM', () => wat('raw-numbers'), /text/],
    ['JSON', 'NOT_WASM', () => Buffer.from('{"wasm":true}'), /text/],
    ['half a magic number', 'NOT_WASM', () => HEADER.subarray(0, 3)],
    ['a native program', 'PRECOMPILED_REFUSED', () => readFile(process.execPath).then(start)],
    ['a compiled module of this very server', 'PRECOMPILED_REFUSED', () => compiledForm()],
    ['a Windows program', 'PRECOMPILED_REFUSED', () => Buffer.from('MZ\x90\0', 'latin1')],
    ['a header without its version', 'INVALID_WASM', () => HEADER.subarray(0, 6)],
    [
      'a version other than 1',
      'INVALID_WASM',
      () => Buffer.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]),
    ],
    ['a component', 'COMPONENT_UNSUPPORTED', () => Buffer.from('\0asm\x0d\0\x01\0', 'latin1')],
    ['a module cut in its middle', 'INVALID_WASM', () => cut(1000)],
    ['a module short of one byte', 'INVALID_WASM', async () => (await hello()).subarray(0, -1)],
    [
      'a module and a byte more',
      'INVALID_WASM',
      async () => Buffer.concat([await hello(), HEADER]),
    ],
    [
      'a section longer than the file',
      'INVALID_WASM',
      () => body([1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ],
    ['a body that does not type-check', 'INVALID_WASM', () => body(UNTYPED)],
    ['an imported memory', 'MISSING_IMPORT_KIND', () => guest('missing-memory'), /memory/],
    ['an imported table', 'MISSING_IMPORT_KIND', () => assemble(importing('(table 1 funcref)'))],
    ['an imported global', 'MISSING_IMPORT_KIND', () => assemble(importing('(global i32)'))],
    ['too many functions', 'MODULE_TOO_COMPLEX', () => manyFunctions(100_001), /100001 functions/],
    ['too many exports', 'MODULE_TOO_COMPLEX', () => manyFunctions(1, 10_001), /10001 exports/],
    ['too many types', 'MODULE_TOO_COMPLEX', () => many('(type (func))'), /50001 types/],
    ['too many globals', 'MODULE_TOO_COMPLEX', () => many('(global i32 (i32.const 0))'), /globals/],
    [
      'too many data segments',
      'MODULE_TOO_COMPLEX',
      () => many('(data "x")', '(memory 1)'),
      /50001 data/,
    ],
    [
      'too many element segments',
      'MODULE_TOO_COMPLEX',
      () => many('(elem func $f)', '(table 1 funcref) (func $f)'),
      /50001 element/,
    ],
    [
      'more memory than the ceiling',
      'MODULE_EXCEEDS_LIMITS',
      () => assemble('(module (memory 65536) (func (export "f")))'),
      /memory/,
    ],
    [
      'a larger table than the ceiling',
      'MODULE_EXCEEDS_LIMITS',
      () => assemble('(module (table 100001 funcref) (func (export "f")))'),
      /table/,
    ],
  ]

  for (const [what, code, make, sentence] of CASES) {
    test(`${what} gets 400 ${code} and leaves nothing`, async () => {
      const executables = await list(app)
      const files = await moduleFiles(app)
      const answer = await refused(await post(app, await make()), 400, code)
      if (sentence !== undefined) assert.match(answer.error, sentence)
      assert.deepEqual(await list(app), executables)
      assert.deepEqual(await moduleFiles(app), files)
    })
  }

  test('no body at all gets 400 NOT_WASM', async () => {
    await refused(await post(app, undefined), 400, 'NOT_WASM')
  })

  test('a body over MODULE_BYTES_MAX gets 413, with and without a Content-Length', async () => {
    const files = await moduleFiles(app)
    const large = Buffer.concat([HEADER, Buffer.alloc(MODULE_BYTES_MAX)])
    const told = await refused(await post(app, large), 413, 'BODY_TOO_LARGE')
    assert.equal(told.limit_bytes, MODULE_BYTES_MAX)
    await refused(await post(app, new Blob([large]).stream()), 413, 'BODY_TOO_LARGE')
    assert.deepEqual(await moduleFiles(app), files)
  })

  test('a description over its limit gets 400 before anything is compiled', async () => {
    const response = await app.request('/api/executables', {
      method: 'POST',
      headers: { 'content-type': 'application/wasm', 'SSVM-Description': 'x'.repeat(4097) },
      body: await guest('raw-numbers'),
    })
    await refused(response, 400, 'BAD_REQUEST')
    assert.deepEqual(await list(app), [{ wasm_id: 1 }])
  })
})

test('a module that takes too long or too much to compile gets 400 and leaves nothing', async (t) => {
  const app = await buildApp(t, { COMPILE_TIMEOUT_MS: 100 })
  const slow = hugeFunction(1_900_000)
  const answer = await refused(await post(app, slow), 400, 'MODULE_TOO_COMPLEX')
  assert.equal(typeof answer.ended_by, 'string')
  assert.deepEqual(await moduleFiles(app), [])
  const greedy = await app.restart({ COMPILE_TIMEOUT_MS: 60_000, COMPILE_MEMORY_BYTES: 67_108_864 })
  await refused(await post(greedy, slow), 400, 'MODULE_TOO_COMPLEX')
  await refused(await post(greedy, hugeFunction(2_200_000)), 400, 'MODULE_TOO_COMPLEX')
  assert.deepEqual(await moduleFiles(greedy), [])
  assert.deepEqual(await list(greedy), [])
})

test('a hot swap that is refused changes nothing', async (t) => {
  const app = await buildApp(t, { MODULE_BYTES_MAX })
  const one = await upload(app, await example('hello'))
  const files = await moduleFiles(app)
  const before = await (await app.request(`/api/executables/${one.id}`)).json()
  const swap = async (id: number | string, headers: Record<string, string>, body: Buffer) =>
    app.request(`/api/update_wasm_binary/${id}`, { method: 'PUT', headers, body })
  const other = await guest('raw-numbers')
  await refused(await swap(one.id, {}, other), 401, 'MISSING_KEY')
  await refused(await swap(one.id, { SSVM_Admin_Key: ZERO_KEY }, other), 403, 'WRONG_KEY')
  await refused(await swap(one.id, { SSVM_Admin_Key: 'x' }, other), 403, 'WRONG_KEY')
  await refused(await swap(999, admin(one), other), 404, 'NOT_FOUND')
  await refused(await swap('x', admin(one), other), 404, 'NOT_FOUND')
  await refused(await swap(one.id, admin(one), Buffer.alloc(0)), 400, 'NOT_WASM')
  await refused(await swap(one.id, admin(one), other.subarray(0, 40)), 400, 'INVALID_WASM')
  const large = Buffer.alloc(MODULE_BYTES_MAX + 1)
  await refused(await swap(one.id, admin(one), large), 413, 'BODY_TOO_LARGE')
  assert.deepEqual(await (await app.request(`/api/executables/${one.id}`)).json(), before)
  assert.deepEqual(await moduleFiles(app), files)
  assert.match(await (await call(app, one, 'say', { body: 'x' })).text(), /x/)
})

test('a hot swap changes what is called, and a rollback changes it back', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('raw-numbers'))
  const swapped = await app.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: await guest('counter'),
  })
  assert.equal(swapped.status, 200)
  assert.equal(await (await call(app, one, 'count')).text(), '[1,1,1]')
  await refused(await call(app, one, 'answer'), 404, 'UNKNOWN_FUNCTION')
  const back = await app.request(`/api/executables/${one.id}/versions/1/activate`, {
    method: 'POST',
    headers: admin(one),
  })
  assert.equal(back.status, 200)
  assert.equal(await (await call(app, one, 'answer')).text(), '42')
})

describe("an upload's answer", () => {
  const scope = suiteScope()
  let app: TestApp
  before(async () => {
    app = await buildApp(scope)
  })

  const KINDS: readonly (readonly [string, string, string, string])[] = [
    // guest, kind, first function, what its curl line prints
    ['wasm-bindgen-100', 'wasm-bindgen', 'say', 'hello hello'],
    ['wasm-bindgen-61', 'wasm-bindgen', 'say', 'hello hello'],
    ['cargo-output', 'wasm-bindgen', 'say', 'hello hello'],
    ['wasi-program', 'wasi-command', '_start', 'hello'],
    ['counter', 'raw', 'count', '[1,1,1]'],
  ]
  for (const [name, kind, first, printed] of KINDS) {
    test(`${name} is told to be ${kind}, and its curl line runs`, async () => {
      const { answer, id } = await upload(app, await guest(name))
      assert.equal(answer.kind, kind)
      assert.deepEqual(answer.missing_imports, [])
      const [fn] = answer.functions as { name: string }[]
      assert.equal(fn?.name, first)
      assert.ok(String(answer.curl).includes(`${app.origin}/api/run/${id}/${first}`))
      const { stdout } = await run('sh', ['-c', `${String(answer.curl)} --silent --fail`])
      assert.equal(stdout, printed)
    })
  }

  test('types are told where the module describes them', async () => {
    const { answer } = await upload(app, await guest('cargo-output'))
    const functions = answer.functions as { name: string; params: unknown; result: unknown }[]
    const types = functions.map(({ name, params, result }) => [name, params, result])
    assert.deepEqual(types.slice(0, 3), [
      ['say', ['text'], 'text'],
      ['add', ['u32', 'u32'], 'u32'],
      ['greet', ['text'], 'result<text>'],
    ])
  })

  test('imports that nothing satisfies are listed, and only those', async () => {
    const { answer } = await upload(app, await guest('missing-import'))
    assert.deepEqual(answer.missing_imports, ['env.launch'])
    const wasi = await upload(app, await guest('wasm-bindgen-wasi'))
    assert.deepEqual(wasi.answer.missing_imports, [])
  })

  test('it has the sha256, two keys, and the zero key where none was asked for', async () => {
    const { answer } = await upload(app, await example('hello'))
    assert.match(String(answer.wasm_sha256), /^0x[0-9a-f]{64}$/)
    assert.match(String(answer.SSVM_Admin_Key), UUID)
    assert.equal(answer.SSVM_Usage_Key, ZERO_KEY)
    const closed = await upload(app, await example('hello'), { SSVM_Create_Usage_Key: 'true' })
    assert.match(closed.usageKey, UUID)
    assert.notEqual(closed.usageKey, ZERO_KEY)
  })

  test('the description is taken from SSVM-Description and from SSVM_Description', async () => {
    for (const header of ['SSVM-Description', 'SSVM_Description', 'ssvm_description']) {
      const { id } = await upload(app, await example('hello'), { [header]: `by ${header}` })
      const description = await (await app.request(`/api/executables/${id}`)).json()
      assert.equal((description as Record<string, unknown>).wasm_description, `by ${header}`)
    }
  })

  test('any content type, and none, is taken', async () => {
    for (const type of [
      'application/wasm',
      'application/json',
      'text/plain',
      'multipart/form-data',
    ]) {
      await upload(app, await guest('raw-numbers'), { 'content-type': type })
    }
    const response = await app.request('/api/executables', {
      method: 'POST',
      body: new Blob([await guest('raw-numbers')]),
    })
    assert.equal(response.status, 200)
  })
})

test('the same bytes twice are two executables, compiled once, and one outlives the other', async (t) => {
  const app = await buildApp(t)
  const first = await upload(app, await guest('counter'))
  const second = await upload(app, await guest('counter'))
  assert.notEqual(first.id, second.id)
  assert.notEqual(first.adminKey, second.adminKey)
  assert.equal((await moduleFiles(app)).length, 2)
  const wrong = await app.request(`/api/executables/${second.id}`, {
    method: 'DELETE',
    headers: admin(first),
  })
  await refused(wrong, 403, 'WRONG_KEY')
  await remove(app, first)
  assert.equal(await (await call(app, second, 'count')).text(), '[1,1,1]')
  await refused(await call(app, first, 'count'), 404, 'NOT_FOUND')
  await remove(app, second)
  assert.deepEqual(await moduleFiles(app), [])
})

test('ten uploads at once get ten ids, and each is called', async (t) => {
  const app = await buildApp(t)
  const answers = (n: number): Buffer =>
    assemble(`(module (func (export "answer") (result i32) (i32.const ${n})))`)
  const ten = await Promise.all(Array.from({ length: 10 }, (_, n) => upload(app, answers(n % 5))))
  assert.equal(new Set(ten.map((one) => one.id)).size, 10)
  assert.equal(new Set(ten.map((one) => one.adminKey)).size, 10)
  for (const [n, one] of ten.entries()) {
    assert.equal(await (await call(app, one, 'answer')).text(), String(n % 5))
  }
  assert.equal((await moduleFiles(app)).length, 10)
})

test('an id is never given again, neither after a delete nor after a restart', async (t) => {
  const app = await buildApp(t)
  const first = await upload(app, await example('hello'))
  await remove(app, first)
  const second = await upload(app, await example('hello'))
  assert.ok(second.id > first.id)
  await remove(app, second)
  const again = await app.restart()
  assert.deepEqual(await list(again), [])
  const third = await upload(again, await example('hello'))
  assert.ok(third.id > second.id)
})

test('deleting one of two executables of the same bytes while the other is called fails no call', async (t) => {
  const app = await buildApp(t)
  const kept = await upload(app, await guest('counter'))
  for (let round = 0; round < 5; round++) {
    const gone = await upload(app, await guest('counter'))
    const calls = Array.from({ length: 20 }, () => call(app, kept, 'count'))
    await remove(app, gone)
    for (const response of await Promise.all(calls)) {
      assert.equal(await response.text(), '[1,1,1]')
    }
  }
})

async function remove(app: TestApp, one: { id: number; adminKey: string }): Promise<void> {
  const response = await app.request(`/api/executables/${one.id}`, {
    method: 'DELETE',
    headers: { SSVM_Admin_Key: one.adminKey },
  })
  assert.equal(response.status, 200)
}

/** The beginning of a file, which is all that is looked at. */
function start(file: Buffer): Buffer {
  return file.subarray(0, 100_000)
}

function importing(what: string): string {
  return `(module (import "env" "it" ${what}) (func (export "f")))`
}

/** Says to return an i32 and returns nothing. */
const UNTYPED = [1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b]
