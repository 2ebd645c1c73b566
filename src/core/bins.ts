// Request bins: addresses that take whatever is sent to them, so that calling out can be tried without another service.
// They are small, and end by themselves.
import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Bin, BinRequest } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { checkTenant } from './tenants.ts'

/** Bins that have expired are deleted this often, so many at once. */
const SWEEP_MS = 60_000
const SWEEP_BINS = 10

export interface BinsDeps {
  storage: Pick<Storage, 'bins'>
  config: Pick<Config, 'BINS_MAX' | 'BIN_REQUESTS_MAX' | 'BIN_TTL_MS'>
  now: () => number
  onError: (error: unknown) => void
}

export type Bins = ReturnType<typeof createBins>

export function createBins({ storage, config, now, onError }: BinsDeps) {
  async function find(tenant: string, id: string): Promise<Bin> {
    checkTenant(tenant)
    const bin = await storage.bins.get(id, now())
    if (bin?.tenant !== tenant) throw missing()
    return bin
  }

  async function sweep(): Promise<void> {
    // Later than they end: what came to one in that moment is written by then.
    const before = now() - SWEEP_MS
    while ((await storage.bins.sweep(before, SWEEP_BINS)) === SWEEP_BINS);
  }

  let timer: NodeJS.Timeout | undefined

  return {
    /** @throws AppError BAD_REQUEST; CONFLICT where the tenant has too many */
    async add(tenant: string): Promise<Bin> {
      checkTenant(tenant)
      const nowMs = now()
      const id = uuidv7({ random: randomBytes(16) })
      const bin = { id, tenant, createdAtMs: nowMs, expiresAtMs: nowMs + config.BIN_TTL_MS }
      const limit = config.BINS_MAX
      if (await storage.bins.add(bin, limit)) return bin
      const sentence = `The tenant has ${limit} request bins, which is the most (BINS_MAX).`
      throw new AppError('CONFLICT', sentence, { detail: { limit } })
    },

    list(tenant: string, page: { limit: number; before?: string }) {
      checkTenant(tenant)
      return storage.bins.list(tenant, now(), page)
    },

    /** @throws AppError NOT_FOUND */
    find,

    /** With what was sent to it. @throws AppError NOT_FOUND */
    async remove(tenant: string, id: string): Promise<void> {
      await find(tenant, id)
      await storage.bins.remove(id)
    },

    /** What was sent to it, newest first, `bytes` of it at most. @throws AppError NOT_FOUND */
    async requests(
      tenant: string,
      id: string,
      page: { limit: number; before?: string; bytes: number },
    ) {
      await find(tenant, id)
      return storage.bins.requests(id, page)
    },

    /** By whom its address is called: whoever has it. @throws AppError NOT_FOUND */
    async open(id: string): Promise<void> {
      if ((await storage.bins.get(id, now())) === undefined) throw missing()
    },

    /** @throws AppError NOT_FOUND */
    async keep(request: Omit<BinRequest, 'id' | 'receivedAtMs'>): Promise<void> {
      const kept = { ...request, id: uuidv7(), receivedAtMs: now() }
      if (!(await storage.bins.keep(kept, config.BIN_REQUESTS_MAX))) throw missing()
    },

    sweep,
    start(): void {
      timer = setInterval(() => void sweep().catch(onError), SWEEP_MS)
      timer.unref()
    },
    stop(): void {
      clearInterval(timer)
    },
  }
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'There is no such request bin.')
}
