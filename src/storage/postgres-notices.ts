// What processes on one PostgreSQL tell each other, and the clock they share. One connection listens. Notices are
// hints, which may be lost; behind them a count of changes is asked for each second, on the same connection, so
// that one which is dead without knowing is found out. The same question measures the clock.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { clientConfig, send } from './postgres-connection.ts'
import type { Notice } from './storage.ts'

const POLL_MS = 1_000
/** Of an answer on this connection, whose questions are small. */
const ANSWER_MS = 5_000
/** What is remembered of the database is trusted for so long without an answer. */
const TRUSTED_MS = 5_000
/** Of one NOTIFY, whose payload is at most 8,000 bytes. */
const NOTICES_TOLD = 64
/** Notices that wait; past it hints are lost, and the count of changes tells. */
const NOTICES_WAITING = 10_000

/** The offset is for tests, which set it for their sessions. */
const POLL = `select
  (extract(epoch from clock_timestamp()) * 1000)::float8
    + coalesce(nullif(current_setting('wasmhook.clock_offset_ms', true), '')::float8, 0) as now_ms,
  (select count from changes) as changes`

interface Message {
  from: string
  notices: Notice[]
  /** The counts of changes that brought them. */
  changes: number[]
}

export class PostgresNotices {
  readonly #url: string
  readonly #channel: string
  readonly #me = randomUUID()
  readonly #listeners: ((notice: Notice) => void)[] = []
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  /** One question at a time. */
  #asking: Promise<void> = Promise.resolve()
  #waiting: Omit<Message, 'from'> = { notices: [], changes: [] }
  #answeredAt = 0
  /** Changes that are known of: all up to `#known`, and those of `#ahead`. */
  #known: number | undefined
  readonly #ahead = new Set<number>()
  /** Of the database's clock from performance.now(), in milliseconds. */
  #offset: number | undefined

  constructor(url: string, channel: string) {
    this.#url = url
    this.#channel = channel
  }

  /** @throws what keeps the first connection from being made */
  async start(): Promise<void> {
    await this.#poll()
    this.#schedule()
  }

  /** Milliseconds since 1970 by the database's clock, which goes on by our own while it cannot be asked. */
  now(): number {
    return Math.round(performance.now() + (this.#offset ?? 0))
  }

  onNotice(listener: (notice: Notice) => void): void {
    this.#listeners.push(listener)
  }

  /** @param changes the count that the notices' commit made, if it changed executables */
  tell(notices: readonly Notice[], changes?: number): void {
    if (changes !== undefined) this.#knowOf(changes)
    if (this.#client === undefined || this.#closed) return
    const { length } = this.#waiting.notices
    if (length > NOTICES_WAITING) return
    this.#waiting.notices.push(...notices)
    if (changes !== undefined) this.#waiting.changes.push(changes)
    // What comes until it is sent goes along.
    if (length === 0) void this.#inTurn(() => this.#sendWaiting()).catch(() => this.#drop())
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#asking
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      void this.#inTurn(() => this.#poll())
        .catch(() => {
          this.#drop()
          if (performance.now() - this.#answeredAt > TRUSTED_MS) this.#say({ kind: 'all' })
        })
        .finally(() => this.#schedule())
    }, POLL_MS)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#asking.then(work)
    this.#asking = mine.catch(() => undefined)
    return mine
  }

  async #poll(): Promise<void> {
    const client = this.#client ?? (await this.#connect())
    const askedAt = performance.now()
    const { rows } = await send(client, POLL)
    this.#answeredAt = performance.now()
    const [{ now_ms: nowMs, changes }] = rows as [{ now_ms: number; changes: number }]
    this.#measure(nowMs, askedAt, this.#answeredAt)
    this.#known ??= changes
    if (changes <= this.#known) return
    // Somebody changed what we were not told of.
    this.#known = changes
    this.#knowOf(changes)
    this.#say({ kind: 'all' })
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...clientConfig(this.#url, 'wasmhook listener'),
      query_timeout: ANSWER_MS,
    })
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    client.on('notification', ({ payload }) => this.#hear(payload ?? ''))
    try {
      await client.connect()
      await client.query(`listen ${pg.escapeIdentifier(this.#channel)}`)
    } catch (error) {
      void client.end().catch(() => undefined)
      throw error
    }
    this.#client = client
    // Nobody knows what was told while nobody listened.
    if (this.#known !== undefined) this.#say({ kind: 'all' })
    return client
  }

  /** The connection broke. What is remembered may be stale from now on. */
  #drop(client = this.#client): void {
    if (client === undefined || client !== this.#client) return
    this.#client = undefined
    this.#waiting = { notices: [], changes: [] }
    void client.end().catch(() => undefined)
    if (!this.#closed) this.#say({ kind: 'all' })
  }

  /** The clock was read at some moment between; an offset that this does not contradict stays. */
  #measure(nowMs: number, askedAt: number, answeredAt: number): void {
    const [least, most] = [nowMs - answeredAt, nowMs - askedAt]
    const offset = this.#offset ?? (least + most) / 2
    this.#offset = Math.min(Math.max(offset, least), most)
  }

  async #sendWaiting(): Promise<void> {
    const { notices, changes } = this.#waiting
    this.#waiting = { notices: [], changes: [] }
    const distinct = [
      ...new Map(notices.map((notice) => [JSON.stringify(notice), notice])).values(),
    ]
    for (let at = 0; at < distinct.length; at += NOTICES_TOLD) {
      const client = this.#client
      if (client === undefined) return
      const message: Message = {
        from: this.#me,
        notices: distinct.slice(at, at + NOTICES_TOLD),
        // With the last of them, since until then not all of what changed was told.
        changes: at + NOTICES_TOLD < distinct.length ? [] : changes.slice(-NOTICES_TOLD),
      }
      await send(client, 'select pg_notify($1, $2)', [this.#channel, JSON.stringify(message)])
    }
  }

  #hear(payload: string): void {
    const { from, notices, changes } = JSON.parse(payload) as Message
    if (from === this.#me) return
    for (const count of changes) this.#knowOf(count)
    for (const notice of notices) this.#say(notice)
  }

  #knowOf(count: number): void {
    if (this.#known === undefined) return
    if (count > this.#known) this.#ahead.add(count)
    while (this.#ahead.delete(this.#known + 1)) this.#known++
    for (const old of this.#ahead) if (old <= this.#known) this.#ahead.delete(old)
  }

  #say(notice: Notice): void {
    for (const listener of this.#listeners) listener(notice)
  }
}
