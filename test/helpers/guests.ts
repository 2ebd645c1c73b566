// Guests as bytes: text-format ones assembled here, prebuilt ones read from examples-rust/.
import { readFile } from 'node:fs/promises'
import initWabt from 'wabt'

const wabt = await initWabt()

const FEATURES = {
  multi_value: true,
  reference_types: true,
  bulk_memory: true,
  mutable_globals: true,
  sign_extension: true,
  sat_float_to_int: true,
  simd: true,
  tail_call: true,
}

/** Assembles text. */
export function assemble(text: string): Buffer {
  const module = wabt.parseWat('guest.wat', text, FEATURES)
  try {
    return Buffer.from(module.toBinary({}).buffer)
  } finally {
    module.destroy()
  }
}

/** Assembles test/guests/<name>.wat. */
export async function guest(name: string): Promise<Buffer> {
  const text = await readFile(new URL(`../guests/${name}.wat`, import.meta.url), 'utf8')
  return assemble(text)
}

/** Reads examples-rust/<name>/<name>.wasm. */
export function example(name: string): Promise<Buffer> {
  return readFile(new URL(`../../examples-rust/${name}/${name}.wasm`, import.meta.url))
}

/** A module of functions that take a text and return a fixed one, whatever it says. */
export function saying(texts: Readonly<Record<string, string | Buffer>>): Buffer {
  let at = 1024
  const parts = Object.entries(texts).map(([name, text]) => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    const from = at
    at += bytes.length
    const data = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
    return `(data (i32.const ${from}) "${data}")
      (func (export "${name}") (param i32 i32) (result i32 i32)
        (i32.const ${from}) (i32.const ${bytes.length}))`
  })
  return assemble(`(module (memory (export "memory") 64)
    (global $free (mut i32) (i32.const 65536))
    (func (export "__wbindgen_malloc") (param $size i32) (param i32) (result i32)
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size))))
    (func (export "__wbindgen_free") (param i32 i32 i32))
    ${parts.join('\n')})`)
}
