// The bytes that all requests together may hold in memory: bodies, fetched inputs and results.
import { AppError } from '../errors.ts'

/** What one request holds; it only grows until it is released. */
export interface ByteLease {
  /** Throws BUFFERS_FULL and takes nothing when the budget does not have the bytes. */
  take(bytes: number): void
  release(): void
}

export interface ByteBudget {
  lease(): ByteLease
  used(): number
}

export function createByteBudget(limitBytes: number): ByteBudget {
  let used = 0
  return {
    used: () => used,
    lease() {
      let held = 0
      let released = false
      return {
        take(bytes) {
          if (used + bytes > limitBytes) {
            throw new AppError('BUFFERS_FULL', undefined, { detail: { limit_bytes: limitBytes } })
          }
          if (released) return
          used += bytes
          held += bytes
        },
        release() {
          released = true
          used -= held
          held = 0
        },
      }
    },
  }
}
