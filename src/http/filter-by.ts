// filterBy: which fields of an answer the caller wants.
import { AppError } from '../errors.ts'

/**
 * The names in the text of filterBy, a JSON array of `known` ones.
 * @throws AppError UNKNOWN_FILTER
 */
export function readFilter(text: string, known: readonly string[]): string[] {
  let names: unknown
  try {
    names = JSON.parse(text)
  } catch {
    names = undefined
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new AppError('UNKNOWN_FILTER', `filterBy must be a JSON array, as ["${known[0]}"].`)
  }
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new AppError('UNKNOWN_FILTER', `There is no filter ${JSON.stringify(unknown)}.`, {
      detail: { filters: known },
    })
  }
  return names
}
