// Calls of functions that keep something between calls, and what an owner does with what they keep.
// A call reads what was committed when it first looked. It writes only in its turn, one call of an
// executable at a time, so that what it read is still the newest when what it stored is committed.
// docs/function-storage.md tells users the same.
import { AppError } from '../errors.ts'
import type { CallLimits } from '../model.ts'
import type {
  Invocation,
  InvocationResult,
  Sandbox,
  StoreChange,
  StoreOptions,
} from '../sandbox/sandbox.ts'
import type { Storage, StoredPage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import { createLane } from './lane.ts'
import type { Lane, Wait } from './lane.ts'

/** Functions that are known to write. Past it the one longest unseen costs one call its first try. */
const WRITERS_REMEMBERED = 10_000
/** Stores in memory, in bytes and in number; past it those that nobody uses go, the oldest first. */
const OPEN_BYTES_MAX = 64 * 1024 * 1024
const OPEN_STORES_MAX = 1_000

export interface FunctionStorageDeps {
  storage: Storage
  sandbox: Sandbox
  /** How long an owner's deletion waits for its turn. */
  ownersWaitMs: number
  now: () => number
}

/** Who calls: the executable, what it may use, and what counts the bytes until it is answered. */
export interface Caller {
  id: number
  limits: CallLimits
  lease: ByteLease
}

/** One executable's store while it is in memory. */
interface Open {
  id: number
  lane: Lane
  /** Calls and deletions under way: it stays as long as there are any. */
  users: number
  /** Undefined: what the sandbox knows of it, if anything, is not to be used. */
  loaded: Promise<void> | undefined
  /** Of what is loaded. */
  version: number
  bytes: number
  /** Its executable was deleted. */
  gone: boolean
}

export type FunctionStorage = ReturnType<typeof createFunctionStorage>

export function createFunctionStorage(deps: FunctionStorageDeps) {
  const { storage, sandbox, ownersWaitMs, now } = deps
  /** In the order of their last use. */
  const open = new Map<number, Open>()
  let openBytes = 0
  /** Binary and function of calls that wrote when they were last in turn. */
  const writers = new Set<string>()
  let closed = false

  async function using<T>(id: number, work: (store: Open) => Promise<T>): Promise<T> {
    if (closed) throw new AppError('CLOSED')
    const store = open.get(id) ?? newStore(id)
    open.delete(id)
    open.set(id, store)
    store.users++
    try {
      return await work(store)
    } finally {
      store.users--
      if (store.gone || openBytes > OPEN_BYTES_MAX || open.size > OPEN_STORES_MAX) dropIdle()
    }
  }

  function dropIdle(): void {
    for (const store of open.values()) {
      const tooMuch = openBytes > OPEN_BYTES_MAX || open.size > OPEN_STORES_MAX
      if (store.users > 0 || !(tooMuch || store.gone)) continue
      open.delete(store.id)
      sandbox.stores.forget(store.id)
      measure(store, 0)
    }
  }

  function measure(store: Open, bytes: number): void {
    openBytes += bytes - store.bytes
    store.bytes = bytes
  }

  function load(store: Open): Promise<void> {
    store.loaded ??= storage.functions.load(store.id).then(
      ({ entries, version }) => {
        // A load that took long must not bring back what was replaced.
        if (version < store.version) return
        store.version = version
        measure(store, sandbox.stores.load(store.id, entries))
      },
      (error: unknown) => {
        store.loaded = undefined
        throw error
      },
    )
    return store.loaded
  }

  /** Loads what other processes committed too. */
  async function refresh(store: Open): Promise<void> {
    const loading = store.loaded
    await load(store)
    if (!storage.shared || loading === undefined) return
    if ((await storage.functions.version(store.id)) === store.version) return
    store.loaded = undefined
    await load(store)
  }

  async function call(
    store: Open,
    invocation: Invocation,
    caller: Caller,
  ): Promise<InvocationResult> {
    await refresh(store)
    const name = `${invocation.module.sha256}/${invocation.functionName}`
    let first = { queueUs: 0, fuelUsed: null as number | null }
    if (!writers.has(name)) {
      const result = await sandbox.invoke({ ...invocation, store: options(caller, false) })
      if (!result.store.began) return result
      // It was ended before it had done anything that anybody could see.
      first = result
    }
    remember(name)
    const result = await inTurn(store, invocation, { ...caller, queuedUs: first.queueUs })
    // A function that did not write this time may be one that seldom does.
    if (!result.store.began) writers.delete(name)
    const fuelUsed =
      first.fuelUsed === null ? result.fuelUsed : first.fuelUsed + (result.fuelUsed ?? 0)
    return { ...result, fuelUsed }
  }

  function remember(name: string): void {
    writers.delete(name)
    writers.add(name)
    const oldest = writers.keys().next()
    if (writers.size > WRITERS_REMEMBERED && oldest.done !== true) writers.delete(oldest.value)
  }

  async function inTurn(
    store: Open,
    invocation: Invocation,
    caller: Caller & { queuedUs: number },
  ): Promise<InvocationResult> {
    const { limits, lease, queuedUs } = caller
    const { leaving } = invocation
    const begun = performance.now()
    const leave = await takeTurn(store, (wait) => store.lane.enter(wait), {
      ms: Math.max(1, Math.ceil(limits.queueWaitMs - queuedUs / 1000)),
      length: limits.queueLength,
      leaving,
    })
    try {
      await refresh(store)
      const { version } = store
      const waitedUs = Math.round((performance.now() - begun) * 1000)
      const result = await sandbox.invoke({ ...invocation, store: options(caller, true) })
      const queueUs = queuedUs + waitedUs + result.queueUs
      return {
        ...result,
        queueUs,
        outcome: await commit(store, version, result, { lease, leaving }),
      }
    } finally {
      leave()
    }
  }

  /** A turn in this process first, then among all. */
  async function takeTurn(store: Open, enter: Lane['enter'], wait: Wait): Promise<() => void> {
    const begun = performance.now()
    const leave = await enter(wait)
    try {
      const leftMs = Math.max(1, Math.ceil(wait.ms - (performance.now() - begun)))
      const end = await storage.functions.turn(store.id, leftMs)
      return () => {
        end()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** What a call stored is committed before anybody learns that it succeeded. */
  async function commit(
    store: Open,
    version: number,
    { outcome, store: { stored } }: InvocationResult,
    { lease, leaving }: Pick<Caller, 'lease'> & Pick<Invocation, 'leaving'>,
  ): Promise<InvocationResult['outcome']> {
    if (!outcome.ok || stored.length === 0) return outcome
    if (leaving?.interrupted === true) return { ok: false, error: new AppError('CANCELED') }
    try {
      // The result too: past the commit nothing may fail for want of room.
      lease.take(outcome.bytes.length + sizeOf(stored))
      store.version = await storage.functions.commit(store.id, stored, { version, nowMs: now() })
    } catch (error) {
      // Whether it was committed after all, only a new look tells.
      store.loaded = undefined
      const known =
        error instanceof AppError ? error : new AppError('INTERNAL', undefined, { cause: error })
      return { ok: false, error: known }
    }
    publish(store, stored)
    return outcome
  }

  function publish(store: Open, changes: readonly StoreChange[]): void {
    measure(store, sandbox.stores.apply(store.id, changes))
  }

  /** What an owner changes takes its turn among the calls that write, before those that wait. */
  function asOwner<T>(id: number, work: (store: Open) => Promise<T>): Promise<T> {
    return using(id, async (store) => {
      const leave = await takeTurn(store, (wait) => store.lane.enterFirst(wait), {
        ms: ownersWaitMs,
        length: Infinity,
        leaving: undefined,
      })
      try {
        return await work(store)
      } catch (error) {
        // Whether it was committed after all, only a new look tells.
        store.loaded = undefined
        throw error
      } finally {
        leave()
      }
    })
  }

  return {
    /** As `sandbox.invoke`, for a module that uses storage. */
    invoke: (invocation: Invocation, caller: Caller) =>
      using(caller.id, (store) => call(store, invocation, caller)),

    list: (id: number, page: { limit: number; after?: Buffer }): Promise<StoredPage> =>
      storage.functions.list(id, page),

    async read(id: number, key: Buffer): Promise<Buffer> {
      const value = await storage.functions.get(id, key)
      if (value === undefined) throw missing()
      return value
    },

    remove: (id: number, key: Buffer) =>
      asOwner(id, async (store) => {
        await refresh(store)
        const version = await storage.functions.delete(id, key, store.version)
        if (version === undefined) throw missing()
        store.version = version
        publish(store, [{ key }])
      }),

    clear: (id: number) =>
      asOwner(id, async (store) => {
        // A store that cannot be read can still be cleared.
        await load(store).catch(() => undefined)
        store.version = await storage.functions.clear(id)
        measure(store, sandbox.stores.load(id, []))
        store.loaded = Promise.resolve()
      }),

    /** Stores in memory, and the calls that wait for their turn to write, for /readyz. */
    stats: () => ({
      stores: open.size,
      storesBytes: openBytes,
      queuedToWrite: [...open.values()].reduce((sum, { lane }) => sum + lane.waiting(), 0),
    }),

    /** The executable is gone, and with it what it kept. */
    forget(id: number): void {
      const store = open.get(id)
      if (store === undefined) return
      store.gone = true
      dropIdle()
    },

    /** Ends the waits; calls under way end as the sandbox ends them. */
    close(): void {
      closed = true
      for (const store of open.values()) store.lane.close()
    },
  }
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'The function storage has no such key.')
}

function newStore(id: number): Open {
  return { id, lane: createLane(), users: 0, loaded: undefined, version: 0, bytes: 0, gone: false }
}

function options({ limits }: Caller, inTurn: boolean): StoreOptions {
  return { inTurn, bytesMax: limits.storeBytes, keysMax: limits.storeKeys }
}

function sizeOf(entries: readonly { key: Buffer; value: Buffer }[]): number {
  return entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
}
