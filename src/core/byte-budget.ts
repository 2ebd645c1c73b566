// The bytes that all requests together may hold in memory: bodies, fetched inputs and results.
import { AppError } from '../errors.ts'

/** What one request holds; it only grows until the request and all work for it have ended. */
export interface ByteLease {
  /** Throws BUFFERS_FULL and takes nothing when the budget does not have the bytes. */
  take(bytes: number): void
  /** Keeps the lease while the work goes on, even where the caller has hung up meanwhile. */
  during<T>(work: () => Promise<T>): Promise<T>
  /** The request itself has ended. */
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
      let holders = 1
      const drop = (): void => {
        holders--
        if (holders > 0) return
        used -= held
        held = 0
      }
      return {
        take(bytes) {
          if (used + bytes > limitBytes) {
            throw new AppError('BUFFERS_FULL', undefined, { detail: { limit_bytes: limitBytes } })
          }
          if (holders === 0) return
          used += bytes
          held += bytes
        },
        async during(work) {
          holders++
          try {
            return await work()
          } finally {
            drop()
          }
        },
        release: drop,
      }
    },
  }
}
