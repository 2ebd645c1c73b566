// The processes that serve one port, seen from the one that begins them: begun anew when they die, drained at
// the end.
import cluster from 'node:cluster'
import type { ChildProcess } from 'node:child_process'
import type { Worker } from 'node:cluster'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '../errors.ts'
import { createChannel } from './channel.ts'
import type { Item, Remote } from './channel.ts'

/** Who lived this long did not die of the start. */
const STABLE_MS = 10_000
/** The pause after a death soon after the start; twice as long after each next, up to the longest. */
const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** So many deaths in a row before it listened: the next would be no different. */
const HOPELESS_AFTER = 5
/** Beyond the time for draining, for what else a process does at its end. */
const ENDING_MS = 5_000

/** What the crew asks of a worker. */
export interface CrewMember {
  /** Drains and ends; nobody waits for an answer. */
  stop(): void
}

/** What a worker tells the crew. */
export interface CrewMethods {
  /** It listens, and answers what it is asked. */
  ready(origin: string): void
}

/** What is done for one worker while it lives. */
export interface Attendance {
  methods: object
  /** It listens. */
  ready(): void
  /** It died, and nothing more comes from it. */
  gone(): void
}

export interface CrewOptions<Member extends CrewMember> {
  size: number
  log: { error(fields: object, message: string): void }
  /** @param index its place, from 0: whoever is begun after a death takes the same */
  attend: (index: number, member: Remote<Member>) => Attendance
  /** Workers die before they listen, again and again. */
  onHopeless: (error: AppError) => void
}

export interface Crew {
  /**
   * Resolves, with the origin, when all listen. The first does before the others begin.
   * @throws AppError when one dies before
   */
  start(): Promise<string>
  /** Lets all drain for as long, and kills those that take longer. */
  stop(drainMs: number): Promise<void>
}

interface End {
  code: number | null
  signal: string | null
}

interface Life {
  child: ChildProcess
  begunAt: number
  /** Its origin, once it listens; rejects where it ends before. */
  listening: Promise<string>
  ready: boolean
  ended: Promise<End>
  stop(): void
}

export function createCrew<Member extends CrewMember>(options: CrewOptions<Member>): Crew {
  const { size, log, attend, onHopeless } = options
  const living = new Set<Life>()
  const stopping = new AbortController()
  const stopped = (): boolean => stopping.signal.aborted
  cluster.setupPrimary({ serialization: 'advanced' })

  function begin(index: number): Life {
    const worker = cluster.fork()
    const { process: child } = worker
    const ours = {}
    // What is for one that died meanwhile is for nobody.
    const channel = createChannel<Member>((items) => worker.send(items, () => undefined), ours)
    const attendance = attend(index, channel.theirs)
    const ended = endOf(worker)
    const life: Life = {
      child,
      begunAt: performance.now(),
      ready: false,
      ended,
      listening: new Promise((resolve, reject) => {
        const ready = (origin: string): void => {
          life.ready = true
          attendance.ready()
          resolve(origin)
        }
        Object.assign(ours, attendance.methods, { ready } satisfies CrewMethods)
        void ended.then((end) => reject(diedEarly(end)))
      }),
      stop() {
        if (life.ready) void channel.theirs.stop().catch(() => undefined)
        else child.kill('SIGKILL')
      },
    }
    life.listening.catch(() => undefined)
    living.add(life)
    worker.on('message', (items: Item[]) => channel.receive(items))
    void ended.then(() => {
      living.delete(life)
      channel.close()
      attendance.gone()
    })
    return life
  }

  /** Sees to it that somebody has the place. */
  async function keep(index: number, first: Life): Promise<void> {
    let deaths = 0
    for (let life = first; ; life = begin(index)) {
      const end = await life.ended
      if (stopped()) return
      deaths = performance.now() - life.begunAt > STABLE_MS ? 0 : deaths + 1
      if (!life.ready && deaths >= HOPELESS_AFTER) {
        onHopeless(diedEarly(end))
        return
      }
      log.error({ worker: life.child.pid, ...end }, 'a worker died; another is begun')
      const ms = Math.min(PAUSE_MS * 2 ** (deaths - 1), LONGEST_PAUSE_MS)
      const { signal } = stopping
      await pause(deaths === 0 ? 0 : ms, undefined, { signal }).catch(() => undefined)
      if (stopped()) return
    }
  }

  function take(index: number): Promise<string> {
    const life = begin(index)
    void keep(index, life)
    return life.listening
  }

  return {
    async start() {
      const origin = await take(0)
      await Promise.all(Array.from({ length: size - 1 }, (_, at) => take(at + 1)))
      return origin
    },
    async stop(drainMs) {
      stopping.abort()
      for (const life of living) life.stop()
      const kill = setTimeout(() => {
        for (const { child } of living) child.kill('SIGKILL')
      }, drainMs + ENDING_MS)
      await Promise.all([...living].map(({ ended }) => ended))
      clearTimeout(kill)
    },
  }
}

/** Resolves when the process has ended and all that it said has been heard. */
function endOf(worker: Worker): Promise<End> {
  const { process: child } = worker
  return new Promise((resolve) => {
    let end: End = { code: null, signal: null }
    let awaited = 2
    const one = (): void => {
      if (--awaited === 0) resolve(end)
    }
    worker.once('exit', (code: number | null, signal: string | null) => {
      end = { code, signal }
      one()
    })
    worker.once('disconnect', one)
    // Of one that could not even be begun there is no exit.
    worker.on('error', () => {
      if (child.pid === undefined) resolve(end)
    })
  })
}

function diedEarly({ code, signal }: End): AppError {
  const how = signal ?? `exit code ${code ?? 'unknown'}`
  return new AppError('INTERNAL', `A worker process ended before it listened (${how}).`)
}
