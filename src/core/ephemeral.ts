// JSON values that anyone with the key may read for an hour; a small hand-over place between functions.
import { randomUUID } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Storage } from '../storage/storage.ts'

/** Expired entries are deleted this often, so many at once. */
const SWEEP_MS = 60_000
const SWEEP_ENTRIES = 1000

export interface EphemeralDeps {
  storage: Storage
  config: Config
  now: () => number
  onError: (error: unknown) => void
}

export type Ephemeral = ReturnType<typeof createEphemeral>

export function createEphemeral({ storage, config, now, onError }: EphemeralDeps) {
  async function put(key: string, value: string, mustExist: boolean): Promise<void> {
    if (Buffer.byteLength(value) > config.EPHEMERAL_VALUE_BYTES) {
      throw new AppError('BODY_TOO_LARGE', undefined, {
        detail: { limit_bytes: config.EPHEMERAL_VALUE_BYTES },
      })
    }
    const stored = await storage.ephemeral.put(
      { key, value, expiresAtMs: now() + config.EPHEMERAL_TTL_MS },
      {
        nowMs: now(),
        maxBytes: config.EPHEMERAL_BYTES,
        maxEntries: config.EPHEMERAL_ENTRIES,
        mustExist,
      },
    )
    if (!stored) throw missing()
  }

  async function sweep(): Promise<void> {
    while ((await storage.ephemeral.sweep(now(), SWEEP_ENTRIES)) === SWEEP_ENTRIES);
  }

  let timer: NodeJS.Timeout | undefined

  return {
    async create(value: string): Promise<string> {
      const key = randomUUID()
      await put(key, value, false)
      return key
    },
    async read(key: string): Promise<string> {
      const value = await storage.ephemeral.get(key, now())
      if (value === undefined) throw missing()
      return value
    },
    /** Replaces the value and begins the hour anew. */
    replace: (key: string, value: string) => put(key, value, true),
    async remove(key: string): Promise<void> {
      if (!(await storage.ephemeral.delete(key, now()))) throw missing()
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

/** The original's sentence; scripts look for it. */
function missing(): AppError {
  return new AppError('NOT_FOUND', 'Key not found')
}
