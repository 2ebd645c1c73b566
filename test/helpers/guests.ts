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
