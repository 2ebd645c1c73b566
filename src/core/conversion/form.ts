// A form (application/x-www-form-urlencoded) becomes a flat JSON object of strings.
import { invalidField, quoted } from './document.ts'

/** Names and values of one form. */
export const FORM_FIELDS_MAX = 1_000

/**
 * A name that ends in `[]` may be there many times: it becomes an array under the name without them.
 * @throws AppError INVALID_DOCUMENT with the `field`
 */
export function formToJson(text: string): string {
  // A map, since an object would sort names that are numbers to the front.
  const fields = new Map<string, string | string[]>()
  let count = 0
  for (const field of text.split('&')) {
    if (field === '') continue
    const equals = field.indexOf('=')
    const written = equals === -1 ? field : field.slice(0, equals)
    if (++count > FORM_FIELDS_MAX) {
      throw invalidField(written, `is past the ${FORM_FIELDS_MAX} fields that a form may have`)
    }
    const name = decode(written)
    if (name === undefined) throw invalidField(written, 'is a name that is wrongly encoded')
    const value = equals === -1 ? '' : decode(field.slice(equals + 1))
    if (value === undefined) throw invalidField(name, 'has a value that is wrongly encoded')
    addField(fields, name, value)
  }
  const members = [...fields].map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  )
  return `{${members.join(',')}}`
}

function addField(fields: Map<string, string | string[]>, name: string, value: string): void {
  const isList = name.endsWith('[]')
  const key = isList ? name.slice(0, -2) : name
  const before = fields.get(key)
  if (isList && Array.isArray(before)) before.push(value)
  else if (before === undefined) fields.set(key, isList ? [value] : value)
  else throw invalidField(name, `is there twice, or beside ${quoted(isList ? key : `${key}[]`)}`)
}

/** URLSearchParams would leave a wrong `%` as it is and put U+FFFD where bytes are no UTF-8. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
