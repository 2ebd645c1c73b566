// The figures of several processes as one: whoever is asked, the answer is the total, and it never falls where
// a process dies.
import { setTimeout as pause } from 'node:timers/promises'
import { lastingOf, totalOf } from './readings.ts'
import type { Readings } from './readings.ts'

/** A process that is held up longer counts with what it read before. */
const ANSWER_WITHIN_MS = 1_000

export interface Totals {
  /** @param read what one process reads now; it is asked whenever the total is */
  join(read: () => Promise<Partial<Readings>>): {
    /** The process is gone. */
    leave(): void
  }
  /** The figures of all, those that only rise also of the departed. */
  read(): Promise<Partial<Readings>>
}

interface Source {
  read: () => Promise<Partial<Readings>>
  /** What it read when it was last asked: all that anybody has seen of it. */
  last: Partial<Readings>
}

export function createTotals(): Totals {
  const sources = new Set<Source>()
  let departed: Partial<Readings> = {}

  async function ask(source: Source): Promise<void> {
    const asked = source.read().catch(() => undefined)
    const patience = new AbortController()
    const late = pause(ANSWER_WITHIN_MS, undefined, { signal: patience.signal }).catch(
      () => undefined,
    )
    const readings = await Promise.race([asked, late])
    patience.abort()
    source.last = readings ?? source.last
  }

  return {
    join(read) {
      const source: Source = { read, last: {} }
      sources.add(source)
      return {
        leave() {
          if (!sources.delete(source)) return
          departed = totalOf([departed, lastingOf(source.last)])
        },
      }
    },
    async read() {
      await Promise.all([...sources].map(ask))
      return totalOf([departed, ...[...sources].map(({ last }) => last)])
    },
  }
}
