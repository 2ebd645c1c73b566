// What one of several processes may use of what is set for all of them together.

/** Which process this is, from 0, of how many. */
export interface Share {
  index: number
  of: number
}

/** All shares together are the total; what does not divide goes to the first. */
export function shareOf(total: number, { index, of }: Share): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0)
}
