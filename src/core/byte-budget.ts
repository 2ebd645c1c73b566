// The bytes that all requests together may hold in memory: bodies, fetched inputs and results.
import { AppError } from '../errors.ts'

/** What one request holds; it only grows until the request and all work for it have ended. */
export interface ByteLease {
  /** Throws BUFFERS_FULL and takes nothing when the budget does not have the bytes. */
  take(bytes: number): void
  /** Keeps the lease for work that may go on after the caller has hung up; release() ends that too. */
  hold(): void
  /** The request itself has ended, or work that held on to it. */
  release(): void
}

export interface ByteBudget {
  lease(): ByteLease
  used(): number
}

export function createByteBudget(limitBytes: number): ByteBudget {
  let used = 0

  // A class, since each request makes one: closures would be made anew every time.
  class Lease implements ByteLease {
    #held = 0
    #holders = 1

    take(bytes: number): void {
      if (used + bytes > limitBytes) {
        throw new AppError('BUFFERS_FULL', undefined, { detail: { limit_bytes: limitBytes } })
      }
      if (this.#holders === 0) return
      used += bytes
      this.#held += bytes
    }

    hold(): void {
      this.#holders++
    }

    release(): void {
      this.#holders--
      if (this.#holders > 0) return
      used -= this.#held
      this.#held = 0
    }
  }

  return { used: () => used, lease: () => new Lease() }
}

/** Holds the lease while the work goes on, even where the caller has hung up meanwhile. */
export async function during<T>(lease: ByteLease, work: () => Promise<T>): Promise<T> {
  lease.hold()
  try {
    return await work()
  } finally {
    lease.release()
  }
}
