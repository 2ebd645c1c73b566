// Whether an executable's queue has room for one more. Counting what waits costs the more the more waits, so
// that a count is good for several: what ends meanwhile only makes room, and the share is small enough that
// several processes together overshoot by little, and alone by nothing.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import { createStatement } from './statement.ts'

/** Of the room that a count found, what is given out before the next. */
const SHARE = 1 / 16
/** Executables remembered; the longest unused is forgotten, and counted again. */
const REMEMBERED = 1_000

const count = createStatement((db, executableId: number) =>
  db
    .selectFrom('queued_runs')
    .select((eb) => eb.fn.countAll<number>().as('waiting'))
    .where('executable_id', '=', executableId),
)

export function createRoom() {
  /** By executable and what it may have. */
  const left = new Map<string, number>()
  return {
    /** False where `max` wait. A unit that is undone has taken its place all the same, until the next count. */
    async take(db: Kysely<Schema>, executableId: number, max: number): Promise<boolean> {
      const key = `${executableId}/${max}`
      let places = left.get(key) ?? 0
      if (places <= 0) {
        const { rows } = await count(db, executableId)
        const free = max - (rows[0]?.waiting ?? 0)
        if (free <= 0) return false
        // This one, and those that need no count of their own.
        places = 1 + Math.floor((free - 1) * SHARE)
      }
      left.delete(key)
      left.set(key, places - 1)
      const [oldest] = left.keys()
      if (left.size > REMEMBERED && oldest !== undefined) left.delete(oldest)
      return true
    },
  }
}
