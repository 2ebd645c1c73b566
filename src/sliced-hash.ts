// Hashes bodies of many megabytes without holding up the event loop.
import { setImmediate as pause } from 'node:timers/promises'

/** Hashed at once; between two of them the event loop has its turn. */
const SLICE_BYTES = 256 * 1024

/** A hash, or an HMAC. */
interface Digester {
  update: (data: Buffer) => unknown
}

/** Feeds all of the bytes to each of the hashes. */
export async function updateSliced(hashes: readonly Digester[], bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await pause()
    const slice = bytes.subarray(at, at + SLICE_BYTES)
    for (const hash of hashes) hash.update(slice)
  }
}
