// What sources got, for their owners to see. What was accepted is written with what it set going (hooks.ts); what was
// not is written in batches: it is no promise, and a stranger who floods an address is not to make the disk work.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Source } from '../model.ts'
import type { NewSourceEvent, SourceEventBounds, Storage } from '../storage/storage.ts'

/** Events of one source that wait to be written; more of a flood are left out. */
const PENDING_OF_SOURCE_MAX = 100
/** Of all sources. */
const PENDING_MAX = 1_000
/** Their bodies together; past it an event is written without. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024
/** A source's history is cut to its bounds after so many events, or so many bytes. */
const PRUNE_EVENTS = 200
const PRUNE_BYTES = 8 * 1024 * 1024
/** Its keys, of which there may be many to count, after so many events. */
const PRUNE_KEYS_EVENTS = 5_000
/** Sources whose growth is remembered; the longest unused is forgotten, and cut when it is seen again. */
const SOURCES_REMEMBERED = 10_000
/** Keys that expired are looked for this often, and deleted so many at once. */
const SWEEP_MS = 60_000
const SWEEP_ROWS = 50

export interface SourceHistoryDeps {
  storage: Pick<Storage, 'sourceEvents'>
  config: Pick<
    Config,
    'RUN_FLUSH_MS' | 'SOURCE_EVENTS_KEPT' | 'SOURCE_EVENTS_BYTES' | 'HOOK_IDS_MAX'
  >
  now: () => number
  onError: (error: unknown) => void
}

export type SourceHistory = ReturnType<typeof createSourceHistory>

export function createSourceHistory({ storage, config, now, onError }: SourceHistoryDeps) {
  const bounds: Required<SourceEventBounds> = {
    keep: config.SOURCE_EVENTS_KEPT,
    bytes: config.SOURCE_EVENTS_BYTES,
    keys: config.HOOK_IDS_MAX,
  }
  let pending: NewSourceEvent[] = []
  let pendingBytes = 0
  let pendingOf = new Map<string, number>()
  let flushing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let sweeper: NodeJS.Timeout | undefined
  /** Sources whose history is being cut. */
  const pruning = new Map<string, Promise<void>>()
  /** Since each source's history was cut, and its keys. */
  const grown = new Map<string, { events: number; bytes: number; unpruned: number }>()

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const events = pending
    pending = []
    pendingBytes = 0
    pendingOf = new Map()
    if (events.length === 0) return flushing ?? Promise.resolve()
    const before = flushing ?? Promise.resolve()
    const done = before
      .then(() => storage.sourceEvents.note(events))
      .then(() => {
        for (const { sourceId, body } of events) grew(sourceId, body?.length ?? 0)
      }, onError)
      .finally(() => {
        if (flushing === done) flushing = undefined
      })
    flushing = done
    return done
  }

  /** A source's history has one event more; now and then it is cut. */
  function grew(sourceId: string, bytes: number): void {
    // Of one that was not seen before nobody knows.
    const known = grown.get(sourceId) ?? {
      events: PRUNE_EVENTS,
      bytes: 0,
      unpruned: PRUNE_KEYS_EVENTS,
    }
    const sum = {
      events: known.events + 1,
      bytes: known.bytes + bytes,
      unpruned: known.unpruned + 1,
    }
    grown.delete(sourceId)
    grown.set(sourceId, sum)
    const [oldest] = grown.keys()
    if (grown.size > SOURCES_REMEMBERED && oldest !== undefined) grown.delete(oldest)
    if (pruning.has(sourceId)) return
    if (sum.events <= PRUNE_EVENTS && sum.bytes <= PRUNE_BYTES) return
    const all = sum.unpruned > PRUNE_KEYS_EVENTS
    grown.set(sourceId, { events: 0, bytes: 0, unpruned: all ? 0 : sum.unpruned })
    const { keys, ...others } = bounds
    const pruned = storage.sourceEvents
      .prune(sourceId, all ? { keys, ...others } : others)
      .catch(onError)
      .finally(() => pruning.delete(sourceId))
    pruning.set(sourceId, pruned)
  }

  async function sweep(): Promise<void> {
    while ((await storage.sourceEvents.sweepKeys(now(), SWEEP_ROWS)) === SWEEP_ROWS);
  }

  return {
    /** Written soon; of a flood a part. */
    note(event: NewSourceEvent): void {
      const { sourceId, body } = event
      const own = pendingOf.get(sourceId) ?? 0
      if (own >= PENDING_OF_SOURCE_MAX || pending.length >= PENDING_MAX) return
      pendingOf.set(sourceId, own + 1)
      const bytes = body?.length ?? 0
      const fits = pendingBytes + bytes <= PENDING_BYTES_MAX
      if (fits) pendingBytes += bytes
      pending.push(fits ? event : { ...event, request: null, body: null })
      if (timer !== undefined) return
      timer = setTimeout(() => void flush(), config.RUN_FLUSH_MS)
    },

    /** One that was written with what it set going. */
    accepted(event: NewSourceEvent): void {
      grew(event.sourceId, event.body?.length ?? 0)
    },

    /** What was noted here is among it. */
    async list(source: Source, ...rest: ListRest) {
      await flush()
      return storage.sourceEvents.list(source.id, ...rest)
    },

    /** With the size of what is kept of its body. @throws AppError NOT_FOUND */
    async find(source: Source, id: string) {
      await flush()
      const found = await storage.sourceEvents.get(source.id, id)
      if (found === undefined) throw new AppError('NOT_FOUND', 'The source has no such event.')
      return found
    },

    /** What is kept of the request of an event that was found. */
    content: (id: string) => storage.sourceEvents.content(id),

    start(): void {
      sweeper = setInterval(() => void sweep().catch(onError), SWEEP_MS)
      sweeper.unref()
    },

    async stop(): Promise<void> {
      clearInterval(sweeper)
      await flush()
      await Promise.all(pruning.values())
    },
  }
}

type ListRest =
  Parameters<Storage['sourceEvents']['list']> extends [string, ...infer Rest] ? Rest : never
