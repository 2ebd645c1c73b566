// Ids that tell when they were made: UUID v7, so that they sort by time, those of one millisecond in the
// order they were made.
import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

const RANDOM_BYTES = 16
/** Drawn together: asking the system for 16 bytes costs as much as for thousands. */
const POOL_BYTES = 256 * RANDOM_BYTES
/** Where a millisecond's count begins is random, and leaves room for two thousand million more. */
const SEQUENCE_START_MASK = 0x7fffffff

/** Makes ids that are not to be guessed: of their bits at least 42 are fresh from the system's generator. */
export function createIds(now: () => number): () => string {
  const pool = Buffer.alloc(POOL_BYTES)
  let used = pool.length
  let lastMs = 0
  let sequence = 0
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    const random = pool.subarray(used, used + RANDOM_BYTES)
    const nowMs = now()
    if (nowMs > lastMs) {
      lastMs = nowMs
      sequence = random.readUInt32LE(0) & SEQUENCE_START_MASK
    } else {
      // Also where the clock was set back: ids go on from the latest.
      sequence++
    }
    used += RANDOM_BYTES
    return uuidv7({ random, msecs: lastMs, seq: sequence })
  }
}

/** Milliseconds since 1970. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
