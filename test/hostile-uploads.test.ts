// Modules made to hurt whoever compiles, describes or keeps them, while others upload and call.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { call, refused, upload } from './helpers/client.ts'
import { textOf } from './helpers/guest-calls.ts'
import { assemble, example, guest } from './helpers/guests.ts'
import { neighbourhood, post, uploadBeside } from './helpers/hostile-suite.ts'
import type { Neighbourhood } from './helpers/hostile-suite.ts'
import { suiteScope } from './helpers/build-app.ts'
import * as binary from './helpers/wasm-binary.ts'

const MiB = 1024 * 1024

const small = (): Buffer => binary.manyFunctions(1, 1)

/** A custom section whose own count of what follows is a lie. */
const LIE = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 1])

describe('an upload', () => {
  const scope = suiteScope()
  let here: Neighbourhood
  before(async () => {
    here = await neighbourhood(scope)
  })

  const REFUSED: readonly (readonly [string, string, () => Buffer | Promise<Buffer>])[] = [
    ['of 100,000 exports', 'MODULE_TOO_COMPLEX', () => binary.manyFunctions(1, 100_000)],
    ['of 200,000 functions', 'MODULE_TOO_COMPLEX', () => binary.manyFunctions(200_000, 1)],
    ['of one function of 3 MB', 'MODULE_TOO_COMPLEX', () => binary.hugeFunction(3_000_000)],
    [
      'of a branch to two million places',
      'MODULE_TOO_COMPLEX',
      () => binary.branchTable(2_000_000),
    ],
    ['of 2^32 - 1 variables', 'INVALID_WASM', () => binary.manyLocals(4_294_967_295)],
    ['of 50,001 data segments', 'MODULE_TOO_COMPLEX', () => segments(50_001)],
    ['that declares 4 GiB of memory', 'MODULE_EXCEEDS_LIMITS', () => text('(memory 65536)')],
    [
      'that declares 4 GiB and a page',
      'MODULE_EXCEEDS_LIMITS',
      () => memories([0, ...leb32(65_537)]),
    ],
    [
      'of tables of 2^32 - 1 places',
      'MODULE_EXCEEDS_LIMITS',
      () => text('(table 4294967295 funcref)'),
    ],
    ['of shared memory', 'INVALID_WASM', () => memories([3, 1, 1])],
    ['of 64-bit memory', 'INVALID_WASM', () => memories([4, 1])],
    ['of two memories', 'INVALID_WASM', () => memories([0, 1], [0, 1])],
    ['of memory with pages of one byte', 'INVALID_WASM', () => memories([8, 1, 0])],
    ['that waits for other threads', 'INVALID_WASM', () => atomicWait()],
    ['of a native program', 'PRECOMPILED_REFUSED', async () => program()],
    [
      'of a native program behind a module',
      'INVALID_WASM',
      async () => join(small(), await program()),
    ],
    ['of two modules in one', 'INVALID_WASM', () => join(small(), small())],
    ['of sections in the wrong order', 'INVALID_WASM', () => shuffled()],
  ]
  for (const [what, code, make] of REFUSED) {
    test(`${what} gets 400 ${code}, and nobody else is touched`, async () => {
      await refused(await uploadBeside(here, await make()), 400, code)
    })
  }

  const TAKEN: readonly (readonly [string, string, () => Buffer | Promise<Buffer>])[] = [
    ['of 10,000 exports', 'f9999', () => binary.manyFunctions(1, 10_000)],
    ['of 50,000 functions', 'f0', () => binary.manyFunctions(50_000, 1)],
    ['of 20,000 blocks within each other', 'f', () => binary.nestedBlocks(20_000)],
    ['of 50,000 variables', 'f', () => binary.manyLocals(50_000)],
    ['of a data segment of 3 MiB', 'f', () => binary.largeData(64, 3 * MiB)],
    ['of a custom section of 50 MB', 'f0', () => custom('blob', Buffer.alloc(50_000_000))],
    [
      'of the names of a million functions',
      'f0',
      () => custom('name', binary.functionNames(1_000_000)),
    ],
    [
      'of names that lie about their number',
      'f0',
      () => custom('name', binary.functionNames(1, 2 ** 32 - 1)),
    ],
    ['of producers that lie about their number', 'f0', () => custom('producers', LIE)],
    [
      'of 20 MB that claim to be of wasm-bindgen',
      'f0',
      () => custom('__wasm_bindgen_unstable', Buffer.alloc(20_000_000, '"schema_version":"0.2.')),
    ],
  ]
  for (const [what, fn, make] of TAKEN) {
    test(`${what} is taken and called, and nobody else is touched`, async () => {
      const response = await uploadBeside(here, await make())
      const answer = (await response.json()) as { wasm_id: number }
      assert.equal(response.status, 200, JSON.stringify(answer))
      assert.equal(await textOf(here.app, { id: answer.wasm_id }, fn), '')
    })
  }

  test('of a data segment of 60 MB is taken, and its calls end by the memory they may have', async () => {
    const one = await upload(here.app, binary.largeData(1_000, 60_000_000))
    await refused(await call(here.app, one, 'f'), 500, 'MEMORY_LIMIT')
    await here.isWhole()
  })

  test('of a data segment outside its memory is taken, and its calls trap', async () => {
    const one = await upload(here.app, binary.largeData(1, 100_000))
    await refused(await call(here.app, one, 'f'), 500, 'TRAP')
    await here.isWhole()
  })

  test('whose describe functions lie or never end is taken, and not believed', async () => {
    const response = await uploadBeside(here, await guest('cargo-output-hostile'))
    const answer = (await response.json()) as { wasm_id: number; functions: { params: unknown }[] }
    assert.ok(answer.functions.every(({ params }) => (params ?? null) === null))
    const one = { id: answer.wasm_id }
    assert.equal(await textOf(here.app, one, 'nonsense', ['7']), '7')
  })

  test('cut at any place is refused or is a module that says less', async () => {
    const whole = await example('hello')
    const places = Array.from({ length: 12 }, (_, n) => Math.floor((n * whole.length) / 12))
    for (const place of [...places, 1, 4, 7, 9, whole.length - 1]) {
      const response = await post(here, whole.subarray(0, place))
      const { code } = (await response.json()) as { code?: string }
      assert.ok([200, 400].includes(response.status), String(response.status))
      if (response.status === 400) assert.match(String(code), /^(NOT_WASM|INVALID_WASM)$/)
    }
    await here.isWhole()
  })
})

function text(fields: string): Buffer {
  return assemble(`(module ${fields} (func (export "f")))`)
}

function custom(name: string, content: Buffer): Buffer {
  return binary.withCustomSection(small(), name, content)
}

function join(...parts: Buffer[]): Buffer {
  return Buffer.concat(parts)
}

/** The beginning of the program that runs this test. */
async function program(): Promise<Buffer> {
  return (await readFile(process.execPath)).subarray(0, MiB)
}

function segments(count: number): Buffer {
  return text(`(memory 1) ${'(data (i32.const 0) "x")'.repeat(count)}`)
}

function leb32(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...leb32(Math.floor(value / 128))]
}

/** A module of such memories only: flags, then limits. */
function memories(...limits: number[][]): Buffer {
  const bytes = [limits.length, ...limits.flat()]
  return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, bytes.length, ...bytes])
}

/** memory.atomic.wait32 on a memory of its own. */
function atomicWait(): Buffer {
  const code = [0, 0x41, 0, 0x41, 0, 0x42, 0x7f, 0xfe, 1, 2, 0, 0x1a, 0x0b]
  const sections = [
    [1, 4, 1, 0x60, 0, 0],
    [3, 2, 1, 0],
    [5, 3, 1, 0, 1],
    [10, code.length + 2, 1, code.length, ...code],
  ]
  return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])
}

/** Code before the functions it is the code of. */
function shuffled(): Buffer {
  const sections = [
    [10, 4, 1, 2, 0, 0x0b],
    [3, 2, 1, 0],
    [1, 4, 1, 0x60, 0, 0],
  ]
  return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])
}
