// Chance from a seed: what the crash run chooses can be chosen again. (What the machine makes of it cannot: which
// write a kill cuts short is up to the scheduler.)

export interface Chance {
  /** From 0 to 1, 1 excluded. */
  next(): number
  /** A whole number, both ends included. */
  whole(least: number, most: number): number
  /** One of the keys, each as often as its weight says. */
  pick<K extends string>(weights: Readonly<Record<K, number>>): K
  /** Another stream, which depends on the seed and the name only. */
  fork(name: string): Chance
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0
  /** mulberry32: small, and even enough to choose by. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    whole: (least, most) => least + Math.floor(next() * (most - least + 1)),
    pick(weights) {
      const entries = Object.entries(weights) as [keyof typeof weights, number][]
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [key, weight] of entries) if ((left -= weight) < 0) return key
      return entries.at(-1)![0]
    },
    fork(name) {
      let hash = seed >>> 0
      for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
      return createChance(hash)
    },
  }
}
