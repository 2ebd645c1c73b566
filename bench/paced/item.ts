// What is sent, run and delivered: a text that tells when it was due, so that whoever gets it knows how long
// it was on its way. The clock is the machine's own since it was started, the same for all its processes.

export interface Item {
  /** Tells what belongs to this round from what comes late of one before. */
  round: string
  number: number
  dueUs: number
}

/** Microseconds by CLOCK_MONOTONIC. */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

export function formatItem({ round, number, dueUs }: Item): string {
  return `${round} ${number} ${Math.round(dueUs)}`
}

const ITEM = /([\w-]+) (\d+) (\d+)$/

/** The item at the end of a text; undefined where there is none. */
export function parseItem(text: string): Item | undefined {
  const found = ITEM.exec(text)
  if (found === null) return undefined
  return { round: found[1]!, number: Number(found[2]), dueUs: Number(found[3]) }
}
