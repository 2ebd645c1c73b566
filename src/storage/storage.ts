// What the product asks of a storage engine. Every method that must be atomic is one method here.
// A resolved write is committed and synced; a rejected one has left nothing behind.
import type {
  Attempt,
  CallLimits,
  DeclaredTypes,
  Delivery,
  DeliveryFilter,
  DeliveryPayload,
  EndpointSettings,
  Executable,
  ModuleInterface,
  RequestSpec,
  SigningSecret,
  Version,
} from '../model.ts'
import type { DeliveryRetention, ResendJobStore, ResendRefusal } from './delivery-repair-stores.ts'
import type { EndpointStore, EventTypeStore, MessageStore, PreparedStore } from './event-stores.ts'
import type { IdempotencyStore, QueuedRunStore } from './durable-run-stores.ts'
import type { BinStore } from './bin-store.ts'
import type { OverviewStore } from './overview-store.ts'
import type { RunStore } from './run-store.ts'
import type { SourceEventStore, SourceStore } from './source-stores.ts'
import type { TokenStore } from './token-store.ts'

export type * from './delivery-repair-stores.ts'
export type * from './event-stores.ts'
export type * from './durable-run-stores.ts'
export type * from './bin-store.ts'
export type * from './overview-store.ts'
export type * from './run-store.ts'
export type * from './source-stores.ts'
export type * from './token-store.ts'

export interface NewVersion {
  sha256: string
  wasm: Buffer
  interface: ModuleInterface
  createdAtMs: number
}

export interface NewExecutable {
  description: string
  adminKeyHash: string
  usageKeyHash: string | null
  storageKey: string
  version: NewVersion
}

/** Fields that an owner may change; absent means unchanged. */
export interface ExecutableChange {
  description?: string
  usageKeyHash?: string | null
  state?: string | null
  variables?: Readonly<Record<string, string>>
  callback?: string | null
  embeddedCallback?: boolean
  types?: Readonly<Record<string, DeclaredTypes>>
  /** Replaces all of them. */
  limits?: Readonly<Partial<CallLimits>>
  reuse?: boolean
  metered?: boolean
}

export interface ExecutableStore {
  /** Inserts executable and version 1 together; ids are positive, rising and never reused. */
  create(input: NewExecutable): Promise<Executable>
  get(id: number): Promise<Executable | undefined>
  /** All ids, rising (the original's list is not paged). */
  listIds(): Promise<number[]>
  /** False when there is no such executable. */
  update(id: number, change: ExecutableChange): Promise<boolean>
  /** Adds a version and makes it active; keeps the newest `keep` (the active one always). */
  addVersion(id: number, version: NewVersion, keep: number): Promise<Version | undefined>
  /** Makes a kept version active again; undefined when it is not kept. */
  activateVersion(id: number, number: number): Promise<Version | undefined>
  /** Newest first, without binaries. */
  listVersions(id: number): Promise<Version[]>
  readBinary(id: number, version: number): Promise<Buffer | undefined>
  /** True when any kept version of any executable has these bytes (its artefact must stay). */
  usesBinary(sha256: string): Promise<boolean>
  /** Removes the executable, its versions and runs; false when there is none. */
  delete(id: number): Promise<boolean>
}

export type NewSigningSecret = Omit<SigningSecret, 'expiresAtMs'>

/** They are read with their executable, and go with it. */
export interface SigningSecretStore {
  /**
   * Adds one; every other ends at `previousUntilMs` or before, and what ended by `nowMs` is deleted.
   * @throws AppError NOT_FOUND without such an executable; CONFLICT, and nothing is changed, where more than
   *   `previousMax` others would be left
   */
  rotate(
    executableId: number,
    made: NewSigningSecret,
    bounds: { nowMs: number; previousUntilMs: number; previousMax: number },
  ): Promise<void>
  /** Deletes all of them. */
  clear(executableId: number): Promise<void>
}

export interface EphemeralStore {
  /** Fails with EPHEMERAL_STORAGE_FULL past `maxBytes` of values or `maxEntries` in all (expired ones do not count). */
  put(
    entry: { key: string; value: string; expiresAtMs: number },
    bounds: { nowMs: number; maxBytes: number; maxEntries: number; mustExist: boolean },
  ): Promise<boolean>
  get(key: string, nowMs: number): Promise<string | undefined>
  delete(key: string, nowMs: number): Promise<boolean>
  /** Deletes what has expired, at most `limit` entries a call; tells how many. */
  sweep(nowMs: number, limit: number): Promise<number>
}

/** One key of an executable's function storage, and what it holds. */
export interface StoredEntry {
  key: Buffer
  value: Buffer
}

export interface StoredPage {
  items: { key: Buffer; sizeBytes: number; updatedAtMs: number }[]
  /** Pass as `after` for the next page; null at the end. */
  next: Buffer | null
  /** All there is, in keys and in bytes of keys and values. */
  total: { keys: number; bytes: number }
}

/**
 * What functions keep between calls; it goes with their executable. Every change gives it the next version.
 * A change that builds on what was read names the version that it read: it is CONFLICT, and changes nothing,
 * where another process was first.
 */
export interface FunctionStore {
  /**
   * Resolves, with what ends it, when it is this process's turn to change what an executable's functions
   * keep. Within the process, its callers take turns themselves.
   * @throws AppError QUEUE_TIMEOUT
   */
  turn(executableId: number, waitMs: number): Promise<() => void>
  load(executableId: number): Promise<{ entries: StoredEntry[]; version: number }>
  /** 0 before the first change. */
  version(executableId: number): Promise<number>
  /**
   * Puts all entries or none; resolves to the new version.
   * @throws AppError CONFLICT, or NOT_FOUND when there is no such executable any more.
   */
  commit(
    executableId: number,
    entries: readonly StoredEntry[],
    at: { version: number; nowMs: number },
  ): Promise<number>
  /** In the order of the keys' bytes; values are not loaded. */
  list(executableId: number, options: { limit: number; after?: Buffer }): Promise<StoredPage>
  get(executableId: number, key: Buffer): Promise<Buffer | undefined>
  /** Resolves to the new version; undefined when there was nothing. @throws AppError CONFLICT */
  delete(executableId: number, key: Buffer, version: number): Promise<number | undefined>
  /** Resolves to the new version. */
  clear(executableId: number): Promise<number>
}

/** A delivery whose attempt is under way, with what is to be sent. */
export interface LeasedDelivery extends Delivery, Omit<DeliveryPayload, 'spec'> {
  /** Null: it goes to a function. */
  spec: RequestSpec | null
  leaseId: string
  /** Where it waited: its target, or its endpoint's own. */
  lane: string
  /** Of a CloudEvent whose attributes go along as headers. */
  eventHeaders: Readonly<Record<string, string>>
  /** Whose share of the attempts it takes. */
  owner: number
  /** The job that asked for this attempt. */
  resendJobId: string | null
  /** What it is signed with, some perhaps expired; none where it is not signed. */
  signingSecrets: readonly SigningSecret[]
  /** What its endpoint asks to be done before; its body is then the message as it was published. */
  unprepared: EndpointSettings | null
  /** What is called in place of a URL. */
  function: EndpointSettings['target']
  /** True where its payload is to be fetched before that. */
  unfetched: boolean
}

/** What becomes of a delivery after an attempt. */
export type AfterAttempt =
  | { state: 'waiting'; dueAtMs: number }
  | { state: 'succeeded' | 'exhausted' | 'discarded'; reason: string | null }

/** What becomes of it after one that somebody asked for and that failed: all is what it was. */
export interface Unchanged {
  state: 'unchanged'
}

/** A target that asked for less: its lane is held for as long as it asked, or longer each time, up to a most. */
export interface SlowTarget {
  askedMs: number
  maxMs: number
}

/** What an attempt tells of its target: nothing, that it is well, or that it asks for less. */
export type TargetNews = 'none' | 'well' | SlowTarget

/** What one owner (an executable, or a tenant, whose numbers are below zero) may have under way, and what each has. */
export interface OwnersShare {
  most: number
  underWay: ReadonlyMap<number, number>
}

export interface ClaimBounds {
  nowMs: number
  /** Made by whoever claims; every later write of these names it. */
  leaseId: string
  /** Until when nobody else may claim them, unless they are renewed. */
  leasedUntilMs: number
  /** All together, in number and in bytes to be held; one item may be larger. */
  limit: number
  bytes: number
  /** Of one lane (a target), those under way included; an endpoint's own may take less. */
  perLane: number
  /** Of whom no more is claimed than their share. */
  owners?: OwnersShare
}

/** The tables of work. */
export type WorkName = 'deliveries' | 'queued_runs' | 'resend_jobs'

/** What one process does that others should know of. */
export type Notice =
  /** It changed, or is gone: what is remembered of it is stale. */
  | { kind: 'executable'; id: number }
  /** One was revoked: what is remembered of any is stale. */
  | { kind: 'tokens' }
  /** Something may be due that was not before. */
  | { kind: 'work'; work: WorkName }
  /** Whoever runs it shall end it. */
  | { kind: 'cancel'; runId: string }
  /** Some notices were lost: anything may have changed. */
  | { kind: 'all' }

/** The clock was set back, about from one time to the other. */
export interface ClockSetBack {
  fromMs: number
  toMs: number
}

/** Work that waits in a table, and is done under a lease. */
export interface WorkStore<T> {
  /**
   * Leases what is due, of each lane in turn the earliest. What was leased and neither settled nor renewed
   * in time is due again.
   */
  claim(bounds: ClaimBounds): Promise<T[]>
  /** When there may be something to claim, but for owners who have their share; undefined when nothing waits. */
  nextDueMs(owners?: OwnersShare): Promise<number | undefined>
  /** Holds leases for longer, those that are still held; tells the ids of those that are to end early. */
  renew(
    held: readonly { id: string; leaseId: string }[],
    leasedUntilMs: number,
  ): Promise<readonly string[]>
  /** Makes those due that are still held: for a process that died, as others know. */
  release(held: readonly { id: string; leaseId: string }[], nowMs: number): Promise<void>
  /** Makes everything that is leased due: for the start of a server that is the only one. */
  releaseAll(nowMs: number): Promise<void>
  /** What waits for its pause to be over is brought forward by as much: for a server that is the only one. */
  clockSetBack(times: ClockSetBack): Promise<void>
}

/** An attempt that was made before its delivery was stored. */
export interface FirstAttempt {
  attempt: Attempt
  /** Of the target, which it tells. */
  news: TargetNews
  nowMs: number
}

/** One that carries the result of a run. */
export type RunDelivery = Delivery & { runId: string; executableId: number }

export type MadeDelivery = RunDelivery & DeliveryPayload & { first?: FirstAttempt }

export interface DeliveryStore extends WorkStore<LeasedDelivery>, PreparedStore {
  create(delivery: MadeDelivery): Promise<void>
  /** Writes the attempt and what comes of it; false, and nothing is written, where the lease is lost. */
  settle(
    leased: Pick<LeasedDelivery, 'id' | 'lane' | 'leaseId' | 'resendJobId'> &
      Pick<LeasedDelivery, 'event' | 'state' | 'tries'>,
    attempt: Attempt,
    after: AfterAttempt | Unchanged,
    /** An endpoint that fails for `disabledAfterMs` is disabled; 0, as where it is absent: none is. */
    bounds: { nowMs: number; perLane: number; news: TargetNews; disabledAfterMs?: number },
  ): Promise<boolean>
  /** Until when the lane of that delivery is held, whose target asked for less; null, or of the past, where it is not. */
  heldUntil(id: string): Promise<number | null>
  get(id: string): Promise<Delivery | undefined>
  /** The newest `limit`, the oldest of them first, and how many are older. */
  attempts(id: string, limit: number): Promise<{ items: Attempt[]; omitted: number }>
  /** Newest first; ids are time-ordered, so `before` is an id. */
  list(
    filter: DeliveryFilter,
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: Delivery[]; next: string | null }>
  /**
   * False when it had ended already, and nobody had asked to send it again. An attempt under way is not
   * recorded any more.
   */
  cancel(id: string, reason: string, nowMs: number): Promise<boolean>
  /** There is nothing to be sent of a message: its deliveries end, but for those that had. */
  discardMessage(messageId: string, reason: string, nowMs: number): Promise<void>
  /** Cancels all of an executable's, to an endpoint, or of a message, that have not ended; in small steps. */
  cancelAll(
    of: { executableId: number } | { endpointId: string } | { messageId: string },
    reason: string,
    nowMs: number,
  ): Promise<void>
  /** One attempt as soon as there is room; undefined where it will be made. */
  resend(id: string, nowMs: number): Promise<ResendRefusal | undefined>
}

export interface Storage {
  readonly queuedRuns: QueuedRunStore
  readonly idempotency: IdempotencyStore
  readonly deliveries: DeliveryStore
  readonly deliveryRetention: DeliveryRetention
  readonly resendJobs: ResendJobStore
  readonly eventTypes: EventTypeStore
  readonly endpoints: EndpointStore
  readonly messages: MessageStore
  readonly sources: SourceStore
  readonly sourceEvents: SourceEventStore
  readonly bins: BinStore
  readonly overview: OverviewStore
  readonly tokens: TokenStore
  readonly executables: ExecutableStore
  readonly signingSecrets: SigningSecretStore
  readonly runs: RunStore
  readonly ephemeral: EphemeralStore
  readonly functions: FunctionStore
  /** Whether other processes may work on the same database. Leases that are held may then be theirs. */
  readonly shared: boolean
  /**
   * Milliseconds since 1970 by the clock that all processes on this database share: times that one writes
   * and another waits for are of this clock.
   */
  now(): number
  /** Tells of what other processes did; what the stores change, they tell by themselves. */
  onNotice(listener: (notice: Notice) => void): void
  /** Tells other processes. It is a hint, which may be lost. */
  tell(notice: Notice): void
  /** Resolves when the engine answers (for /readyz). */
  ping(): Promise<void>
  close(): Promise<void>
}
