// What the tables of hostile guests are made of: their shape, the settings, what callers get.
import type { Inputs } from '../guest-calls.ts'
import { assemble } from '../guests.ts'

const MiB = 1024 * 1024

/** Settings under which the table holds; whatever is not named here may be as it likes. */
export const HOSTILE_SETTINGS = {
  RUN_MEMORY_BYTES: 4 * MiB,
  TABLE_ELEMENTS: 3_000,
  OUTPUT_BYTES: MiB,
  LOG_BYTES: 1_000,
} as const

export interface Expected {
  status: number
  /** The stable code of a failure. */
  code?: string
  /** Members of a failure's body. */
  detail?: Readonly<Record<string, unknown>>
  /** The text of a success. */
  text?: string
}

/** What it does (it reads on from "a guest that"), the function, what the caller gets, its inputs. */
export type Row = readonly [does: string, fn: string, expected: Expected, inputs?: Inputs]

export interface HostileGuest {
  name: string
  /** `time`: its calls end by RUN_TIMEOUT_MS only. */
  topic: 'time' | 'greed' | 'results' | 'allocator' | 'exits'
  wasm: () => Buffer | Promise<Buffer>
  calls: readonly Row[]
}

export const TIMEOUT: Expected = { status: 504, code: 'RUN_TIMEOUT' }
export const MEMORY: Expected = {
  status: 500,
  code: 'MEMORY_LIMIT',
  detail: { memory_bytes: HOSTILE_SETTINGS.RUN_MEMORY_BYTES },
}
export const TABLE: Expected = {
  status: 500,
  code: 'TABLE_LIMIT',
  detail: { table_elements: HOSTILE_SETTINGS.TABLE_ELEMENTS },
}
export const OUTPUT: Expected = { status: 500, code: 'OUTPUT_TOO_LARGE' }
export const ABI: Expected = { status: 500, code: 'GUEST_ABI' }
export const trap = (kind: string): Expected => ({
  status: 500,
  code: 'TRAP',
  detail: { trap: kind },
})
export const exit = (code: number): Expected => ({
  status: 500,
  code: 'EXIT_CODE',
  detail: { exit_code: code },
})
export const ok = (text: string): Expected => ({ status: 200, text })

/** A wasm-bindgen module whose allocator is `body`: length(s: &str), both(a: &str, b: &str). */
export function allocator(body: string): () => Buffer {
  return () =>
    assemble(`(module
      (memory (export "memory") 1)
      (func (export "__wbindgen_malloc") (param i32 i32) (result i32) ${body})
      (func (export "__wbindgen_free") (param i32 i32 i32) unreachable)
      (func (export "length") (param i32 i32) (result i32) (local.get 1))
      (func (export "both") (param i32 i32 i32 i32) (result i32 i32)
        (local.get 0) (local.get 1)))`)
}

/** A module that runs `(func $it)` before any call, by the way of `start`. */
export function atStart(start: string, it: string): () => Buffer {
  return () =>
    assemble(`(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) ${it} ${start}
      (func (export "answer") (result i32) (i32.const 42)))`)
}
