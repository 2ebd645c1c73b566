// What many noisy measurements come to. Medians, since one disturbed round must not move a figure.

/** A median with what it was taken from. */
export interface Spread {
  median: number
  least: number
  most: number
  /** Every one, in the order of measurement. */
  values: readonly number[]
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('There is no median of nothing.')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]!
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: median(values), least: sorted[0]!, most: sorted.at(-1)!, values }
}

/**
 * How many times `values` is `base`, round by round: both of a round met the same machine, so that
 * the median of their ratios is steadier than the ratio of their medians.
 */
export function ratioOf(values: readonly number[], base: readonly number[]): Spread {
  if (values.length !== base.length) throw new RangeError('Rounds can only be compared in pairs.')
  return spreadOf(values.map((value, round) => value / base[round]!))
}

/** The value below which `share` (0 to 1) of the values lie, by nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('There is no percentile of nothing.')
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}
