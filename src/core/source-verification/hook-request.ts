// What a source was sent, and what of it a function may see.
import type { IncomingHttpHeaders } from 'node:http'

export interface HookRequest {
  headers: IncomingHttpHeaders
  /** As it came, without the question mark. */
  query: string
  /** Byte for byte. */
  body: Buffer
}

export interface Visible {
  headers: Record<string, string>
  query: Record<string, string | string[]>
}

/** Names what holds a secret, which nobody sees beyond. */
export interface Hidden {
  header?: string
  parameter?: string
}

const CREDENTIALS: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

/** The header's text, one character for each byte; undefined where there is none, or an empty one. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  // An owner's name for a header may be that of a method of every object.
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  const text = Array.isArray(value) ? value.join(', ') : value
  return text === '' ? undefined : text
}

export function visibleOf({ headers, query }: HookRequest, hidden: Hidden = {}): Visible {
  const names = Object.keys(headers).filter(
    (name) => !CREDENTIALS.includes(name) && name !== hidden.header,
  )
  return {
    headers: Object.fromEntries(
      names.flatMap((name) => {
        const text = headerOf(headers, name)
        return text === undefined ? [] : [[name, text]]
      }),
    ),
    query: parametersOf(query, hidden.parameter),
  }
}

/** A parameter that is there once is a text, and one that is there more often a list. */
function parametersOf(query: string, hidden?: string): Record<string, string | string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === hidden) continue
    const values = found.get(name)
    if (values === undefined) found.set(name, [value])
    else values.push(value)
  }
  return Object.fromEntries(
    [...found].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  )
}
