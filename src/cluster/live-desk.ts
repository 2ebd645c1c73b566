// Which runs are watched in which process, seen from the one that began them all: the others are asked to tell of those as they
// end, and what they tell is passed on. While nobody watches, nobody is asked.
import { setTimeout as pause } from 'node:timers/promises'
import type { EndedRuns } from '../core/live-runs.ts'
import type { Remote } from './channel.ts'

/** A process that is held up longer than this is not waited for. */
const ASKED_WITHIN_MS = 1_000

/** What a process asks of the desk. */
export interface LiveDeskMethods {
  /** These are watched in it, and no others; resolves when the others tell. */
  watchRuns(filters: readonly string[]): Promise<void>
  runsEnded(ended: EndedRuns): void
}

/** What the desk asks of a process. */
export interface LiveDeskMember {
  /** It is to tell of these, and of no others. */
  tellRuns(filters: readonly string[]): void
  runsHeard(ended: EndedRuns): void
}

interface Place {
  member: Remote<LiveDeskMember>
  /** It can be asked. */
  ready: boolean
  watched: readonly string[]
  /** What it was asked last. */
  asked: string
  asking: Promise<unknown>
}

export function createLiveDesk() {
  const places = new Set<Place>()

  function ask(place: Place): void {
    if (!place.ready) return
    const others = [...places].filter((one) => one !== place)
    const filters = [...new Set(others.flatMap(({ watched }) => watched))]
    const asked = JSON.stringify(filters)
    if (asked === place.asked) return
    place.asked = asked
    place.asking = place.member.tellRuns(filters).catch(() => undefined)
  }

  async function askAll(): Promise<void> {
    places.forEach(ask)
    const patience = new AbortController()
    const late = pause(ASKED_WITHIN_MS, undefined, { signal: patience.signal })
    await Promise.race([
      Promise.all([...places].map(({ asking }) => asking)),
      late.catch(() => undefined),
    ])
    patience.abort()
  }

  return {
    serve(member: Remote<LiveDeskMember>) {
      const none = { ready: false, watched: [], asked: '[]', asking: Promise.resolve() }
      const place: Place = { member, ...none }
      places.add(place)
      const methods: LiveDeskMethods = {
        watchRuns(filters) {
          place.watched = filters
          return askAll()
        },
        runsEnded(ended) {
          for (const one of places) {
            if (one === place || !one.watched.includes(ended.filter)) continue
            void one.member.runsHeard(ended).catch(() => undefined)
          }
        },
      }
      return {
        methods,
        ready(): void {
          place.ready = true
          ask(place)
        },
        gone(): void {
          places.delete(place)
          places.forEach(ask)
        },
      }
    },
  }
}
