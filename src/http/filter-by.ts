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
  const detail = { filters: known }
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    const sentence = `filterBy must be a JSON array, as ["${known[0]}"].`
    throw new AppError('UNKNOWN_FILTER', sentence, { detail })
  }
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return names
  throw new AppError('UNKNOWN_FILTER', `There is no filter ${JSON.stringify(unknown)}.`, { detail })
}
