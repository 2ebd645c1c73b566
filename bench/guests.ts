// The modules that are called: those of examples-rust and the bench's own, prebuilt.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The file of a guest, by its name. */
export function guestFile(name: string): string {
  for (const folder of ['guests', '../examples-rust']) {
    const file = fileURLToPath(new URL(`${folder}/${name}/${name}.wasm`, import.meta.url))
    if (existsSync(file)) return file
  }
  throw new Error(`There is no guest ${name}: run node scripts/examples.mjs build ${name}`)
}
