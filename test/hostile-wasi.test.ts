// What a guest can do to the world, and what it can see of it, through WASI: as docs/security.md says.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { configure, textOf } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'
import { IMPORTS, probes } from './helpers/wasi-probes.ts'
import type { Probe } from './helpers/wasi-probes.ts'

const SUCCESS = 0
const EBADF = 8
const EFAULT = 21
const EINVAL = 28
const ENOTSUP = 58
const ESPIPE = 70

/** What lies where in the modules that probes() makes. */
const PIECE = 64
const PIECE_OUTSIDE = 72
const PIECE_TOO_LONG = 80
const OUT = 128
const LAST = 65_536
const MAX = -1

describe('WASI', () => {
  const scope = suiteScope()
  let app: TestApp
  before(async () => {
    app = await buildApp(scope)
  })

  async function errnos(rows: readonly Probe[]): Promise<[string, number][]> {
    const one = await upload(app, probes(rows))
    const answers = rows.map(async (row, n): Promise<[string, number]> => {
      return [`${row[0]}(${row[1].join()})`, Number(await textOf(app, one, `probe_${n}`))]
    })
    return Promise.all(answers)
  }

  async function answer(rows: readonly Probe[]): Promise<void> {
    const expected = rows.map(([name, values, errno]) => [`${name}(${values.join()})`, errno])
    assert.deepEqual(await errnos(rows), expected)
  }

  test('opens no file: no folder is there, and no path leads anywhere', async () => {
    const folders = [0, 1, 2, 3, 4, 100, MAX, 0x7fffffff]
    await answer(
      folders.flatMap((fd): Probe[] => [
        ['fd_prestat_get', [fd, OUT], EBADF],
        ['fd_prestat_dir_name', [fd, OUT, 100], EBADF],
        ['path_open', [fd, 0, PIECE, 8, 1, MAX, MAX, 0, OUT], EBADF],
        ['path_filestat_get', [fd, 1, PIECE, 8, OUT], EBADF],
        ['path_readlink', [fd, PIECE, 8, OUT, 100, OUT], EBADF],
        ['path_create_directory', [fd, PIECE, 8], EBADF],
        ['path_unlink_file', [fd, PIECE, 8], EBADF],
        ['path_symlink', [PIECE, 8, fd, PIECE, 8], EBADF],
        ['path_rename', [fd, PIECE, 8, fd, PIECE, 8], EBADF],
        ['fd_readdir', [fd, OUT, 100, 0, OUT], EBADF],
        ['fd_filestat_get', [fd, OUT], EBADF],
        ['fd_renumber', [fd, 1], EBADF],
      ]),
    )
  })

  test('opens no socket', async () => {
    await answer([
      ['sock_accept', [3, 0, OUT], ENOTSUP],
      ['sock_recv', [3, PIECE, 1, 0, OUT, OUT], ENOTSUP],
      ['sock_send', [3, PIECE, 1, 0, OUT], ENOTSUP],
      ['sock_shutdown', [3, 3], ENOTSUP],
    ])
    // The names that other runtimes add are nobody's here.
    const other = await upload(
      app,
      assemble(`(module
        (import "wasi_snapshot_preview1" "sock_open" (func (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_connect" (func (param i32 i32 i32) (result i32)))
        (func (export "f")))`),
    )
    assert.deepEqual(other.answer.missing_imports, [
      'wasi_snapshot_preview1.sock_open',
      'wasi_snapshot_preview1.sock_connect',
    ])
  })

  test('has three streams and no other, which end where they are closed', async () => {
    await answer([
      ['fd_write', [1, PIECE, 1, OUT], SUCCESS],
      ['fd_write', [2, PIECE, 1, OUT], SUCCESS],
      ['fd_read', [0, PIECE, 1, OUT], SUCCESS],
      ...[0, 3, 4, 1_000_000, MAX, -0x80000000].map((fd): Probe => [
        'fd_write',
        [fd, PIECE, 1, OUT],
        EBADF,
      ]),
      ...[1, 2, 3, MAX].map((fd): Probe => ['fd_read', [fd, PIECE, 1, OUT], EBADF]),
      ...[3, MAX, 0x7fffffff].flatMap((fd): Probe[] => [
        ['fd_close', [fd], EBADF],
        ['fd_fdstat_get', [fd, OUT], EBADF],
      ]),
      ['fd_seek', [1, 0, 0, OUT], ESPIPE],
      ['fd_tell', [1, OUT], ESPIPE],
    ])
  })

  test('takes no pointer and no length outside the memory of the guest', async () => {
    await answer([
      ['fd_write', [1, MAX, 1, OUT], EFAULT],
      ['fd_write', [1, LAST - 4, 1, OUT], EFAULT],
      ['fd_write', [1, PIECE, MAX, OUT], EFAULT],
      ['fd_write', [1, PIECE, 0x20000000, OUT], EFAULT],
      ['fd_write', [1, 0, 1025, OUT], EFAULT],
      ['fd_write', [1, PIECE_OUTSIDE, 1, OUT], EFAULT],
      ['fd_write', [1, PIECE_TOO_LONG, 1, OUT], EFAULT],
      ['fd_write', [1, PIECE, 3, OUT], EFAULT],
      ['fd_write', [1, PIECE, 1, LAST - 3], EFAULT],
      ['fd_write', [1, PIECE, 1, MAX], EFAULT],
      ['fd_read', [0, MAX, 1, OUT], EFAULT],
      ['fd_read', [0, PIECE, MAX, OUT], EFAULT],
      ['fd_read', [0, PIECE_OUTSIDE, 1, OUT], EFAULT],
      ['fd_read', [0, PIECE_TOO_LONG, 1, OUT], EFAULT],
      ['fd_read', [0, PIECE, 1, MAX], EFAULT],
      ['fd_fdstat_get', [1, MAX], EFAULT],
      ['fd_fdstat_get', [1, LAST - 23], EFAULT],
      ['args_sizes_get', [MAX, OUT], EFAULT],
      ['args_sizes_get', [OUT, LAST - 3], EFAULT],
      ['args_get', [MAX, OUT], EFAULT],
      ['args_get', [OUT, MAX], EFAULT],
      ['args_get', [OUT, LAST - 1], EFAULT],
      ['environ_sizes_get', [OUT, MAX], EFAULT],
      ['environ_get', [MAX, OUT], EFAULT],
      ['environ_get', [OUT, LAST - 4], EFAULT],
      ['environ_get', [LAST - 4, OUT], EFAULT],
      ['clock_time_get', [0, 0, MAX], EFAULT],
      ['clock_time_get', [0, 0, LAST - 7], EFAULT],
      ['clock_res_get', [0, MAX], EFAULT],
      ['random_get', [MAX, 1], EFAULT],
      ['random_get', [OUT, MAX], EFAULT],
      ['random_get', [0, LAST + 1], EFAULT],
      ['poll_oneoff', [MAX, OUT, 1, OUT], EFAULT],
      ['poll_oneoff', [LAST - 47, OUT, 1, OUT], EFAULT],
      ['poll_oneoff', [1024, MAX, 1, OUT], EFAULT],
      ['poll_oneoff', [1024, LAST - 31, 1, OUT], EFAULT],
      ['poll_oneoff', [1024, 2048, 1, MAX], EFAULT],
      ['poll_oneoff', [1024, 2048, MAX, OUT], EINVAL],
      ['poll_oneoff', [1024, 2048, 1025, OUT], EINVAL],
      ['poll_oneoff', [1024, 2048, 0, OUT], EINVAL],
    ])
  })

  for (const value of [MAX, 0x7fffffff, -0x80000000, LAST]) {
    test(`answers with an error number, whatever the import, where each argument is ${value}`, async () => {
      const ending = ['proc_exit', 'proc_raise', 'sched_yield']
      const rows = Object.entries(IMPORTS)
        .filter(([name]) => !ending.includes(name))
        .map(([name, types]): Probe => [name, Array.from(types, () => value), 0])
      for (const [probe, errno] of await errnos(rows)) {
        assert.ok([EBADF, EFAULT, EINVAL, ENOTSUP, ESPIPE].includes(errno), `${probe}: ${errno}`)
      }
    })
  }

  test('finds no memory where none is exported, or where what is exported is none', async () => {
    for (const exported of ['(memory 1)', '(memory 1) (table (export "memory") 1 funcref)']) {
      const one = await upload(
        app,
        assemble(`(module
          (import "wasi_snapshot_preview1" "random_get" (func $it (param i32 i32) (result i32)))
          ${exported}
          (func (export "f") (result i32) (call $it (i32.const 0) (i32.const 1))))`),
      )
      assert.equal(await textOf(app, one, 'f'), String(EFAULT))
    }
  })

  test('tells the time of day, and besides only the time since the call began', async () => {
    const one = await upload(app, clocks())
    const before = Date.now()
    const [wall, ...since] = (JSON.parse(await textOf(app, one, 'clocks')) as number[]).map(
      (nanoseconds) => nanoseconds / 1e6,
    )
    assert.ok(wall !== undefined && wall >= before - 1 && wall <= Date.now() + 1)
    // The machine's own clocks would tell how long it has been up, and what the process has used.
    assert.equal(since.length, 3)
    for (const ms of since) assert.ok(ms >= 0 && ms <= 10_000, `${ms} ms in a call of 10 s`)
    await answer(
      [4, 5, MAX, -0x80000000].flatMap((clock): Probe[] => [
        ['clock_time_get', [clock, 0, OUT], EINVAL],
        ['clock_res_get', [clock, OUT], EINVAL],
      ]),
    )
  })

  test('gives random numbers of the system, other ones in every call', async () => {
    const one = await upload(
      app,
      assemble(`(module
        (import "wasi_snapshot_preview1" "random_get" (func $it (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "f") (result i64 i64)
          (drop (call $it (i32.const 0) (i32.const 16)))
          (i64.load (i32.const 0)) (i64.load (i32.const 8))))`),
    )
    const drawn = await Promise.all(Array.from({ length: 20 }, () => textOf(app, one, 'f')))
    assert.equal(new Set(drawn).size, drawn.length)
  })

  test('shows nothing of the environment of the server: its own variables and no others', async () => {
    assert.ok(process.env.PATH !== undefined)
    const one = await upload(app, await guest('wasm-bindgen-wasi'))
    const names = async (): Promise<string[]> => {
      const text = await textOf(app, one, 'variables')
      return text.split('\0').map((variable) => variable.split('=', 1)[0] ?? '')
    }
    assert.deepEqual(await names(), ['wasm_id', 'storage_key', ''])
    await configure(app, one, 'variables', { MINE: 'yes' })
    await configure(app, one, 'state', 'a state')
    assert.deepEqual(await names(), ['wasm_state', 'wasm_id', 'storage_key', 'MINE', ''])
    assert.equal(await textOf(app, one, 'argument'), 'a state')
  })

  test('shows a program its function, its inputs and nothing of how the server was started', async () => {
    const one: Uploaded = await upload(app, await guest('wasi-program'))
    assert.equal(await textOf(app, one, 'named', ['', 'args', 'x']), 'named\0args\0x\0')
  })
})

/** clocks(): what each of the four clocks says, in nanoseconds. */
function clocks(): Buffer {
  const at = [0, 1, 2, 3]
  return assemble(`(module
    (import "wasi_snapshot_preview1" "clock_time_get"
      (func $it (param i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "clocks") (result ${at.map(() => 'i64').join(' ')})
      ${at.map((n) => `(drop (call $it (i32.const ${n}) (i64.const 0) (i32.const ${n * 8})))`).join(' ')}
      ${at.map((n) => `(i64.load (i32.const ${n * 8}))`).join(' ')}))`)
}
