// What a caller prefers (RFC 7240). What is malformed or not known is ignored, as that RFC asks.
import type { IncomingHttpHeaders } from 'node:http'

/** A caller who need not be answered with the outcome. */
export interface AsyncPreference {
  /** How long the caller would like to wait for it all the same; undefined: not at all. */
  waitS: number | undefined
}

/** Undefined where the caller waits for the run, however long it takes. */
export function asyncPreference(headers: IncomingHttpHeaders): AsyncPreference | undefined {
  const { prefer } = headers
  if (prefer === undefined) return undefined
  const preferences = readPreferences(String(prefer))
  if (preferences.get('respond-async') !== '') return undefined
  const wait = preferences.get('wait') ?? ''
  return { waitS: /^\d+$/.test(wait) ? Number(wait) : undefined }
}

/** Names in lower case with their values, empty where there is none; of a name's first place. */
function readPreferences(header: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const preference of splitOutsideQuotes(header, ',')) {
    // Parameters follow; none is known.
    const [own = ''] = splitOutsideQuotes(preference, ';')
    const equals = own.indexOf('=')
    const name = (equals < 0 ? own : own.slice(0, equals)).trim().toLowerCase()
    const value = equals < 0 ? '' : unquote(own.slice(equals + 1).trim())
    if (value !== undefined && !found.has(name)) found.set(name, value)
  }
  return found
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = []
  let begin = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') quoted = !quoted
    else if (char === '\\' && quoted) at++
    else if (char === separator && !quoted) {
      parts.push(text.slice(begin, at))
      begin = at + 1
    }
  }
  parts.push(text.slice(begin))
  return parts
}

/** Undefined where a quote does not end. */
function unquote(value: string): string | undefined {
  if (!value.startsWith('"')) return value
  const inner = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1]
  return inner?.replace(/\\(.)/gs, '$1')
}
