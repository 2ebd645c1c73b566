// Made by `npm run build:runtime -- --types` from runtime/addon/src; do not edit.

/** A name for all that a compiled module depends on; one made under another name is useless. */
export declare function compatibilityHash(): string

/** An executable's settings, read once for all its calls. */
export declare class Profile {
  /**
   * Checks the settings. The exception's `code` is `AMBIGUOUS_TYPES` when declared types are
   * none.
   */
  constructor(options: ProfileOptions)
}

/** One key of an executable's store, and what it holds. */
export interface StoreChange {
  /** The key. */
  key: Buffer
  /** What it holds; left out where it goes. */
  value?: Buffer
}

/** The settings of a sandbox; they hold as long as it does. */
export interface SandboxOptions {
  /** Threads that run calls, which is how many run at one time. */
  threads: number
  /** The ceiling of every call's memory, in bytes. */
  memoryMaxBytes: number
  /** The ceiling of every call's table elements. */
  tableMaxElements: number
  /** The stack of a guest, in bytes. */
  stackBytes: number
  /**
   * Wipe only the pages that a call wrote. Only for hosts that never swap: a swapped-out page
   * would be seen by the next call.
   */
  pagemapScan: boolean
}

/** Threads that call functions of loaded modules, each call in a fresh instance. */
export declare class Sandbox {
  /**
   * Starts the threads. `onOutcomes` receives what came of the calls, several at a time, in the
   * form that outbox.rs describes. It shares the stores of the sandbox `before` it.
   */
  constructor(options: SandboxOptions, onOutcomes: (records: Buffer, extras: (Buffer | string)[]) => void, before?: Sandbox | undefined | null)
  /**
   * Maps a compiled module and resolves with its handle. Compiles nothing. The error's `code`
   * is `ARTEFACT_UNUSABLE` when the file was made by another version. Its content is run as
   * native code and not looked at: compare its hash with that of the file that was compiled
   * before every load, and never change it after. `metered` tells which form of the module
   * the file holds: that which counts its work as fuel runs on an engine of its own.
   */
  load(path: string, interfaceJson: string, metered: boolean): Promise<number>
  /** Forgets a module. Calls that wait or run still finish. */
  unload(handle: number): void
  /**
   * Queues a call of a function, for text or for bytes. Its outcome carries `id`, a number that
   * no other outstanding call has. [`Sandbox::begin`] sees to it that queued calls begin. `webhook`
   * is the request that a source got, as JSON, which the function may have for an argument. With
   * `store` the function may use the store of the profile's group, which must be known
   * (`loadStore`); what it stores comes with its outcome and is committed by nobody here.
   */
  call(id: number, handle: number, profile: Profile, name: string, text: boolean, inputs: Array<Buffer>, store?: StoreOptions | undefined | null, webhook?: string | undefined | null): void
  /**
   * Makes the committed content of a group's store known, in place of what was known before.
   * Calls that use it for the first time from now on see it. Returns its size in bytes.
   */
  loadStore(group: number, content: Array<StoreChange>): number
  /**
   * Makes committed changes known. Returns the new size in bytes, or nothing where the store
   * is not known.
   */
  applyToStore(group: number, committed: Array<StoreChange>): number | null
  /** Forgets a group's store. Calls that wait or run keep what they see. */
  forgetStore(group: number): void
  /**
   * Begins what was queued: once after several calls, since waking a thread costs as much as a
   * short call.
   */
  begin(): void
  /** Cancels a call that waits or runs; `false` when it has ended. Its outcome still comes. */
  cancel(id: number): boolean
  /** Cancels a call that waits; `false` when it runs or has ended. Its outcome still comes. */
  cancelWaiting(id: number): boolean
  /** A count of what the sandbox holds. */
  stats(): SandboxStats
  /** Ends every call with `CLOSED`, takes no more, and resolves when the threads have ended. */
  close(): Promise<void>
}

/** What a sandbox holds at the moment. */
export interface SandboxStats {
  /** Threads that run calls. */
  threads: number
  /** Calls that run. */
  running: number
  /** Calls that wait. */
  queued: number
  /** Modules that are loaded. */
  loaded: number
  /**
   * Where instances live: in slots reserved at start, or mapped for each call because this
   * host refuses the address space.
   */
  allocator: 'pooling' | 'on-demand'
  /** Why instances are mapped for each call, where they are. */
  allocatorNote?: string
  /** Whether only the pages that a call wrote are wiped. */
  pagemapScan: boolean
}

/** What an executable's owner settled for all its calls. */
export interface ProfileOptions {
  /** The executable, whose calls share concurrency and queue. */
  group: number
  /** Calls of the group that run at one time. */
  concurrency: number
  /** Calls of the group that wait. */
  queueLength: number
  /** How long a call waits for its turn, in milliseconds. */
  queueWaitMs: number
  /** Wall time of a call once it runs, in milliseconds. */
  timeoutMs: number
  /** Memory, in bytes. */
  memoryBytes: number
  /** Elements of all tables together. */
  tableElements: number
  /** The longest result, in bytes. */
  outputBytes: number
  /** What is kept of standard output and standard error, in bytes. */
  logBytes: number
  /** Work, in units of fuel, where the module is metered; without it there is no bound. */
  fuel?: number
  /** Calls that an instance serves, where it serves more than one. */
  reuseCalls?: number
  /** How old such an instance grows, in milliseconds. */
  reuseAgeMs?: number
  /** Types that the owner declared, by function, each as JSON; they win over all others. */
  types: Record<string, string>
  /** The state, where one is set. */
  state?: string
  /** Environment variables: name, value, name, value, and so on. */
  variables: Array<string>
}

/** What one call may do with its executable's store. */
export interface StoreOptions {
  /**
   * Whether it is the call's turn to write. One that begins to store out of turn is ended, and
   * its outcome says so.
   */
  inTurn: boolean
  /** The most bytes of keys and values. */
  bytesMax: number
  /** The most keys. */
  keysMax: number
}
