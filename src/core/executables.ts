// What may be done with executables: upload, hot swap, roll back, delete, keys and settings.
// Reads come from a bounded cache, so the call path asks no database; every write passes through here
// and renews the cached entry, and other processes tell of theirs.
import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { CallLimits, DeclaredTypes, Executable, Version } from '../model.ts'
import { parseRequestSpec } from '../request-spec.ts'
import type { ModuleRef, Sandbox } from '../sandbox/sandbox.ts'
import { checkLater } from '../send-later.ts'
import type { ExecutableChange, NewVersion, Storage } from '../storage/storage.ts'
import { ZERO_KEY, hashKey, makeKey } from './keys.ts'
import { checkModuleHeader } from './module-header.ts'
import { signatureWarnings } from './signing.ts'
import type { TargetCheck } from './target-check.ts'
import { PATIENCE } from './turns.ts'
import type { Turns } from './turns.ts'

export interface ExecutablesDeps {
  storage: Storage
  sandbox: Sandbox
  turns: Turns
  config: Config
  now: () => number
  checkTarget: TargetCheck
  /** Told after an executable is deleted; awaited. */
  onRemoved: (id: number) => Promise<void>
}

export interface Uploaded {
  executable: Executable
  adminKey: string
  /** ZERO_KEY when none was asked for. */
  usageKey: string
}

/** What an owner says about an executable; absent means unchanged. */
export type About = Pick<ExecutableChange, 'description' | 'embeddedCallback' | 'reuse' | 'metered'>

export type Executables = ReturnType<typeof createExecutables>

/** Entries are small (no binaries); the oldest used goes first. */
const CACHE_ENTRIES = 10_000

export function createExecutables(deps: ExecutablesDeps) {
  const { storage, sandbox, turns, config, now, checkTarget, onRemoved } = deps
  /** In the order of their last use. */
  const cache = new Map<number, Executable>()
  /** The last of them, which need not be moved. */
  let newest: Executable | undefined
  /** Calls under way by the binary they run. */
  const held = new Map<string, number>()
  const unusedButHeld = new Set<string>()
  /** Counts writes, so that a read begun before a write never puts its stale answer into the cache. */
  let writes = 0

  /** What every call asks first; what is not in the cache, `find` reads. */
  function cached(id: number): Executable | undefined {
    const known = cache.get(id)
    if (known !== undefined && known !== newest) {
      cache.delete(id)
      cache.set(id, known)
      newest = known
    }
    return known
  }

  async function find(id: number): Promise<Executable> {
    const known = cached(id)
    if (known !== undefined) return known
    const before = writes
    const stored = await storage.executables.get(id)
    if (stored === undefined) throw notFound(id)
    if (before === writes) remember(stored)
    return stored
  }

  function remember(executable: Executable): void {
    cache.set(executable.id, executable)
    newest = executable
    const oldest = cache.keys().next()
    if (cache.size > CACHE_ENTRIES && oldest.done !== true) cache.delete(oldest.value)
  }

  function forget(id: number): void {
    writes++
    cache.delete(id)
  }

  storage.onNotice((notice) => {
    if (notice.kind === 'executable') forget(notice.id)
    else if (notice.kind === 'all') {
      writes++
      cache.clear()
      newest = undefined
    }
  })

  /** Renews the cached entry, after a write that failed too: nobody knows how far it came. */
  async function written<T>(id: number, write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } finally {
      forget(id)
    }
  }

  async function change(id: number, changed: ExecutableChange): Promise<void> {
    if (!(await written(id, () => storage.executables.update(id, changed)))) throw notFound(id)
  }

  function moduleOf(executable: Executable): ModuleRef {
    const { id, version, metered } = executable
    return {
      sha256: version.sha256,
      interface: version.interface,
      metered,
      async readWasm() {
        const wasm = await storage.executables.readBinary(id, version.number)
        if (wasm === undefined) throw notFound(id)
        return wasm
      },
    }
  }

  /** Compiles and loads a module, then stores it; where that fails, nothing of it stays. */
  async function prepare<T>(
    wasm: Buffer,
    { signal, metered }: { signal: AbortSignal; metered: boolean },
    store: (version: NewVersion) => Promise<T>,
  ): Promise<T> {
    checkModuleHeader(wasm)
    const compiled = await sandbox.compile(wasm, signal, { metered })
    try {
      // Its keys would reach nobody.
      if (signal.aborted) throw new AppError('CANCELED')
      await sandbox.warm({ ...compiled, metered, readWasm: () => Promise.resolve(wasm) })
      return await store({ ...compiled, wasm, createdAtMs: now() })
    } catch (error) {
      await forgetUnused([compiled.sha256])
      throw error
    }
  }

  /** Compiled forms of versions that just went away. */
  async function forgetUnused(hashes: Iterable<string>): Promise<void> {
    for (const sha256 of new Set(hashes)) {
      if (held.has(sha256)) unusedButHeld.add(sha256)
      else if (!(await storage.executables.usesBinary(sha256))) await sandbox.forget(sha256)
    }
  }

  /** Keeps what a call runs on, through swaps and deletion, until the answered function is called. */
  function hold({ version: { sha256 } }: Executable): () => void {
    held.set(sha256, (held.get(sha256) ?? 0) + 1)
    return () => {
      const left = (held.get(sha256) ?? 0) - 1
      if (left > 0) {
        held.set(sha256, left)
        return
      }
      held.delete(sha256)
      // A compiled form that cannot be removed now is only a file too many.
      if (unusedButHeld.delete(sha256)) void forgetUnused([sha256]).catch(() => undefined)
    }
  }

  /** Changes of what is called, one at a time for each executable: each sees what the last one made. */
  async function inTurn<T>(id: number, work: () => Promise<T>): Promise<T> {
    const end = await turns.take(`changes:${id}`, PATIENCE)
    try {
      return await work()
    } finally {
      end()
    }
  }

  async function addVersion(id: number, added: NewVersion): Promise<Version> {
    // Metering may have been switched while the version was compiled.
    const { metered } = await find(id)
    await sandbox.warm({ ...added, metered, readWasm: () => Promise.resolve(added.wasm) })
    const before = await storage.executables.listVersions(id)
    const version = await storage.executables.addVersion(id, added, config.VERSIONS_KEPT)
    forget(id)
    if (version === undefined) throw notFound(id)
    await forgetUnused(before.map((old) => old.sha256))
    return version
  }

  return {
    /** Compiled forms that a crash left behind. Called before anything is served. */
    async forgetOrphans(): Promise<void> {
      await forgetUnused(await sandbox.compiled())
    },

    cached,
    find,
    written,
    moduleOf,
    hold,

    /** The executable with the version that a run was accepted for. @throws AppError NOT_FOUND */
    async pinned(id: number, number: number): Promise<Executable> {
      const executable = await find(id)
      if (executable.version.number === number) return executable
      const version = (await storage.executables.listVersions(id)).find(
        (one) => one.number === number,
      )
      if (version !== undefined) return { ...executable, version }
      throw new AppError('NOT_FOUND', `Executable ${id} keeps version ${number} no longer.`)
    },

    listIds: () => storage.executables.listIds(),
    listVersions: (id: number) => storage.executables.listVersions(id),

    async readWasm(executable: Executable): Promise<Buffer> {
      return moduleOf(executable).readWasm()
    },

    async upload(
      wasm: Buffer,
      options: { description: string; createUsageKey: boolean; hangUp: AbortSignal },
    ): Promise<Uploaded> {
      const adminKey = makeKey()
      const usageKey = options.createUsageKey ? makeKey() : ZERO_KEY
      const how = { signal: options.hangUp, metered: false }
      const executable = await prepare(wasm, how, (version) =>
        storage.executables.create({
          description: options.description,
          adminKeyHash: hashKey(adminKey),
          usageKeyHash: options.createUsageKey ? hashKey(usageKey) : null,
          storageKey: randomBytes(16).toString('hex'),
          version,
        }),
      )
      return { executable, adminKey, usageKey }
    },

    /** A hot swap: calls already accepted end on the old version, later ones get the new. */
    async swap(id: number, wasm: Buffer, hangUp: AbortSignal): Promise<Version> {
      const { metered } = await find(id)
      return prepare(wasm, { signal: hangUp, metered }, (added) =>
        inTurn(id, () => addVersion(id, added)),
      )
    },

    activate: (id: number, number: number): Promise<Version> =>
      inTurn(id, async () => {
        const executable = await find(id)
        const kept = (await storage.executables.listVersions(id)).find(
          (one) => one.number === number,
        )
        // Loaded first: a version that cannot be loaded any more never becomes the active one.
        if (kept !== undefined) await sandbox.warm(moduleOf({ ...executable, version: kept }))
        const version = await storage.executables.activateVersion(id, number)
        forget(id)
        if (version !== undefined) return version
        throw new AppError('NOT_FOUND', `Executable ${id} keeps no version ${number}.`)
      }),

    async remove(id: number): Promise<void> {
      const versions = await storage.executables.listVersions(id)
      const removed = await storage.executables.delete(id)
      forget(id)
      if (!removed) throw notFound(id)
      await onRemoved(id)
      await forgetUnused(versions.map((version) => version.sha256))
    },

    async newUsageKey(id: number): Promise<string> {
      const key = makeKey()
      await change(id, { usageKeyHash: hashKey(key) })
      return key
    },

    /** Opens the function to all; the zero UUID says so. */
    async clearUsageKey(id: number): Promise<string> {
      await change(id, { usageKeyHash: null })
      return ZERO_KEY
    },

    async setState(id: number, state: string): Promise<void> {
      // The original's state of a new executable is `{}`, so setting that means clearing it.
      await change(id, { state: state === '' || state === '{}' ? null : state })
    },

    /**
     * @param callback a request spec; null for none
     * @returns warnings about what of it has no effect
     * @throws AppError INVALID_JSON, INVALID_SPEC, ADDRESS_REFUSED
     */
    async setCallback(id: number, callback: string | null): Promise<string[]> {
      if (callback === null) {
        await change(id, { callback })
        return []
      }
      const { spec, warnings } = parseRequestSpec(callback, 'stored callback')
      checkLater(spec, { nowMs: now(), maxMs: config.DELIVER_LATER_MS_MAX })
      checkTarget(spec)
      await change(id, { callback })
      const { signingSecrets } = await find(id)
      return signingSecrets.length > 0 ? [...warnings, ...signatureWarnings(spec)] : warnings
    },
    setVariables: (id: number, variables: Record<string, string>) => change(id, { variables }),
    setTypes: (id: number, types: Record<string, DeclaredTypes>) => change(id, { types }),
    setLimits: (id: number, limits: Partial<CallLimits>) => change(id, { limits }),

    setAbout: (id: number, about: About) =>
      inTurn(id, async () => {
        const executable = await find(id)
        const { metered = executable.metered } = about
        // Made first: no call waits for it, and where it cannot be made nothing changes.
        if (metered !== executable.metered) await sandbox.warm(moduleOf({ ...executable, metered }))
        await change(id, about)
      }),
  }
}

function notFound(id: number): AppError {
  return new AppError('NOT_FOUND', `There is no executable ${id}.`)
}
