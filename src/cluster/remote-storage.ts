// The storage of a process that has none of its own: calls go to the process that owns the database file, and
// what others did comes from there. Both ends stand here, since they must agree.
import type { Turns } from '../core/turns.ts'
import type { Notice, Storage } from '../storage/storage.ts'
import type { Remote } from './channel.ts'

/** The parts of a storage that have methods; what these take and give is plain data. */
type StoreName = {
  [Part in keyof Storage]: Storage[Part] extends (...args: never[]) => unknown
    ? never
    : Storage[Part] extends object
      ? Part
      : never
}[keyof Storage]

/** One more or one fewer than the contract has is an error of types; of methods there is no list to keep. */
const STORES: Readonly<Record<StoreName, true>> = {
  executables: true,
  signingSecrets: true,
  runs: true,
  queuedRuns: true,
  deliveries: true,
  deliveryRetention: true,
  idempotency: true,
  resendJobs: true,
  eventTypes: true,
  endpoints: true,
  messages: true,
  sources: true,
  sourceEvents: true,
  bins: true,
  overview: true,
  tokens: true,
  ephemeral: true,
  functions: true,
}

/** What the owner of the file does for one other process. */
export interface StorageMethods {
  storage(store: StoreName, method: string, args: unknown[]): Promise<unknown>
  ping(): Promise<void>
  /** Tells all processes. */
  tell(notice: Notice): void
}

export interface RemoteStorage extends Storage {
  /** Passes on what another process did. */
  heard(notice: Notice): void
}

type Method = (...args: unknown[]) => unknown

export function createRemoteStorage(deps: {
  owner: Remote<StorageMethods>
  /** Shared with all processes. */
  turns: Turns
  now: () => number
}): RemoteStorage {
  const { owner, turns, now } = deps
  const listeners: ((notice: Notice) => void)[] = []

  /** What gives no plain data. */
  const here: Partial<Record<StoreName, Record<string, unknown>>> = {
    functions: {
      turn: (executableId: number, waitMs: number) =>
        turns.take(`functions:${executableId}`, {
          ms: waitMs,
          length: Infinity,
          leaving: undefined,
        }),
    } satisfies Pick<Storage['functions'], 'turn'>,
  }

  function remote(store: StoreName): object {
    return new Proxy(here[store] ?? {}, {
      get: (own, method) =>
        own[String(method)] ?? ((...args: unknown[]) => owner.storage(store, String(method), args)),
    })
  }

  const names = Object.keys(STORES) as StoreName[]
  const stores = Object.fromEntries(names.map((name) => [name, remote(name)]))
  return {
    ...(stores as unknown as Pick<Storage, StoreName>),
    shared: true,
    now,
    onNotice: (listener) => void listeners.push(listener),
    tell: (notice) => void owner.tell(notice).catch(() => undefined),
    heard(notice) {
      for (const listener of listeners) listener(notice)
    },
    ping: () => owner.ping(),
    close: () => Promise.resolve(),
  }
}

const LOOKS_FOR_WORK: ReadonlySet<string> = new Set<keyof Storage['queuedRuns']>([
  'claim',
  'nextDueMs',
])

type WorkName = 'queuedRuns' | 'deliveries'

interface Held {
  id: string
  leaseId: string
}

export interface StorageDesk {
  methods: StorageMethods
  /** Runs that the other process has under lease. */
  leasedRuns(): Held[]
  /** The other process died: what it had under lease is due. */
  release(): Promise<void>
}

export interface StorageDeskOptions {
  storage: Storage
  /**
   * Resolves when all processes have heard of every executable or token that changed until now: the same promise until
   * another changes.
   */
  told: () => Promise<unknown>
  /** Before runs are looked for. */
  beforeRuns: () => Promise<void>
}

/** The owner's end, for one other process. */
export function createStorageDesk({ storage, told, beforeRuns }: StorageDeskOptions): StorageDesk {
  const held: Record<WorkName, Map<string, Held>> = {
    queuedRuns: new Map(),
    deliveries: new Map(),
  }
  let gone = false

  /** Every write about work under a lease names it, and is the last. */
  async function note(store: WorkName, method: string, args: unknown[], result: unknown) {
    for (const { id, leaseId } of leasedBy(method, args, result)) {
      held[store].set(keyOf({ id, leaseId }), { id, leaseId })
    }
    if (gone) await releaseAll(store)
    else if (isHeld(args[0])) held[store].delete(keyOf(args[0]))
  }

  async function releaseAll(store: WorkName): Promise<void> {
    const leases = [...held[store].values()]
    held[store].clear()
    if (leases.length > 0) await storage[store].release(leases, storage.now())
  }

  return {
    methods: {
      async storage(store, method, args) {
        const own = storage[store] as unknown as Record<string, Method>
        const before = told()
        if (store === 'queuedRuns' && LOOKS_FOR_WORK.has(method)) await beforeRuns()
        const result = await own[method]?.(...args)
        if (store === 'queuedRuns' || store === 'deliveries')
          await note(store, method, args, result)
        // Whoever changed an executable, or revoked a token, may call another process next.
        if (told() !== before) await told()
        return result
      },
      ping: () => storage.ping(),
      tell: (notice) => storage.tell(notice),
    },
    leasedRuns: () => [...held.queuedRuns.values()],
    async release() {
      gone = true
      await releaseAll('queuedRuns')
      await releaseAll('deliveries')
    },
  }
}

/** What a call has leased to its caller: what it claimed, or a run that it added and runs itself. */
function leasedBy(method: string, args: unknown[], result: unknown): Held[] {
  if (method === 'claim') return result as Held[]
  const [record, , options] = args as Partial<Parameters<Storage['queuedRuns']['add']>>
  if (method !== 'add' || result !== 'added' || record === undefined) return []
  const { lease } = options ?? {}
  return lease === undefined ? [] : [{ id: record.id, leaseId: lease.leaseId }]
}

function isHeld(value: unknown): value is Held {
  return typeof value === 'object' && value !== null && 'leaseId' in value && 'id' in value
}

function keyOf({ id, leaseId }: Held): string {
  return `${leaseId}/${id}`
}
