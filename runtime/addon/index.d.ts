// Made by `npm run build:runtime -- --types` from runtime/addon/src; do not edit.

/** A name for all that a compiled module depends on; one made under another name is useless. */
export declare function compatibilityHash(): string

/** One call: what, with what, and within which limits. */
export interface CallOptions {
  /** The executable, whose calls share concurrency and queue. */
  group: number
  /** Calls of the group that run at one time. */
  concurrency: number
  /** Calls of the group that wait. */
  queueLength: number
  /** How long the call waits for its turn, in milliseconds. */
  queueWaitMs: number
  /** Wall time of the call once it runs, in milliseconds. */
  timeoutMs: number
  /** Memory, in bytes. */
  memoryBytes: number
  /** Elements of all tables together. */
  tableElements: number
  /** The longest result, in bytes. */
  outputBytes: number
  /** What is kept of standard output and standard error, in bytes. */
  logBytes: number
  /** The function's name. */
  function: string
  /** The arguments. They must not change until the outcome is there. */
  inputs: Array<Buffer>
  /** Whether text is asked for; `false` returns bytes as they are. */
  text: boolean
  /** Types that the owner declared, as JSON; they win over all others. */
  types?: string
  /** The state, where one is set. */
  state?: string
  /** Environment variables: name, value, name, value, and so on. */
  variables: Array<string>
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
  /** Starts the threads. `onOutcomes` receives what came of the calls, several at a time. */
  constructor(options: SandboxOptions, onOutcomes: (outcomes: Outcome[]) => void)
  /**
   * Maps a compiled module and returns its handle. Compiles nothing. The exception's `code`
   * is `ARTEFACT_UNUSABLE` when the file was made by another version. Its content is run as
   * native code and not looked at: compare its hash with that of the file that was compiled
   * before every load, and never change it after.
   */
  load(path: string, interfaceJson: string): number
  /** Forgets a module. Calls that wait or run still finish. */
  unload(handle: number): void
  /** Calls a function. The outcome carries `id`, a number that no other outstanding call has. */
  call(id: number, handle: number, options: CallOptions): void
  /**
   * Calls a function that may use the store of `options.group`, which must be known
   * (`loadStore`). What the call stores comes with its outcome and is committed by nobody here.
   */
  callWithStore(id: number, handle: number, options: CallOptions, store: StoreOptions): void
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
  /** Cancels a call that waits or runs; `false` when it has ended. Its outcome still comes. */
  cancel(id: number): boolean
  /** Cancels a call that waits; `false` when it runs or has ended. Its outcome still comes. */
  cancelWaiting(id: number): boolean
  /** A count of what the sandbox holds. */
  stats(): SandboxStats
  /** Ends every call with `CLOSED`, takes no more, and resolves when the threads have ended. */
  close(): Promise<void>
}

/** What a call did with its executable's store. */
export interface StoreOutcome {
  /** Whether it began to store. */
  began: boolean
  /** The keys that it stored, where it succeeded; none of it is committed yet. */
  keys: Buffer[]
  /** What they hold, in the same order. */
  values: Buffer[]
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

/** What came of one call. */
export interface Outcome {
  /** The call's number. */
  id: number
  /** Whether there is a result; else there are a code and a message. */
  ok: boolean
  /** The result. */
  bytes?: Buffer
  /** Whether the result is known to be UTF-8 text. */
  isText: boolean
  /** Whether the result is text that is a JSON object or array. */
  isJson: boolean
  /** The failure's stable code. */
  code?: string
  /** The failure in a sentence. */
  message?: string
  /** The failure's particulars: a JSON object as text. */
  detail?: string
  /** What lies behind a fault of ours (`INTERNAL`): for the log, never for callers. */
  cause?: string
  /** What the guest wrote to standard output and standard error, if anything. */
  log?: Buffer
  /** Whether it wrote more than was kept. */
  logTruncated: boolean
  /** How long the call waited for its turn, in nanoseconds. */
  queueNs: number
  /** How long its instance took to make, in nanoseconds. */
  instantiateNs: number
  /** How long the guest ran, in nanoseconds. */
  runNs: number
  /** The most memory that the guest had, in bytes. */
  memoryBytes: number
  /** What it did with its executable's store, if anything. */
  store?: StoreOutcome
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
