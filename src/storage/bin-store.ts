// What the product asks of a storage engine for request bins; a part of storage.ts.
import type { Bin, BinRequest } from '../model.ts'

interface Page {
  limit: number
  /** An id. */
  before?: string | undefined
}

/** Of bins that have expired nothing is found, whether or not they were swept. */
export interface BinStore {
  /** False, and nothing is stored, where the tenant has `max`. */
  add(bin: Bin, max: number): Promise<boolean>
  get(id: string, nowMs: number): Promise<Bin | undefined>
  /** Newest first. */
  list(tenant: string, nowMs: number, page: Page): Promise<{ items: Bin[]; next: string | null }>
  /** With what was sent to it. False when there was none. */
  remove(id: string): Promise<boolean>
  /** Keeps it, and the newest `max` with it. False, and nothing is stored, where there is no such bin. */
  keep(request: BinRequest, max: number): Promise<boolean>
  /** Newest first, with their bodies: fewer than `limit` where they come to more bytes, one at least. */
  requests(
    binId: string,
    page: Page & { bytes?: number },
  ): Promise<{ items: BinRequest[]; next: string | null }>
  /** Deletes bins that have expired, at most `limit` a call; tells how many. */
  sweep(nowMs: number, limit: number): Promise<number>
}
