// Cuts named top-level members out of a JSON object's text and leaves every other byte as it was.
// JSON.parse and JSON.stringify would reformat what is left: numbers, escapes, duplicate keys, spaces.

export interface CutMembers {
  /** The text without the named members. */
  rest: string
  /** Values by name; of a repeated name the last, as JSON.parse takes it. */
  values: Map<string, unknown>
  /** Whether one of the names was there more than once. */
  repeated: boolean
}

/**
 * @param text anything; only the text of a JSON object is searched
 * @returns undefined when the text is not a JSON object or has none of the names
 */
export function cutJsonMembers(text: string, names: readonly string[]): CutMembers | undefined {
  if (!mayHold(text, names)) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return undefined
  const members = topLevelMembers(text)
  const values = new Map<string, unknown>()
  let repeated = false
  for (const member of members) {
    if (names.includes(member.name)) {
      repeated ||= values.has(member.name)
      values.set(member.name, JSON.parse(text.slice(member.valueStart, member.valueEnd)))
    }
  }
  if (values.size === 0) return undefined
  return { rest: withoutMembers(text, members, names), values, repeated }
}

/** The text of a member's value, byte for byte; of a repeated name the last. The text is that of a JSON object. */
export function jsonMemberText(text: string, name: string): string | undefined {
  const member = topLevelMembers(text).findLast((one) => one.name === name)
  return member === undefined ? undefined : text.slice(member.valueStart, member.valueEnd)
}

/** The texts of an array's elements, byte for byte. The text is that of a JSON array. */
export function jsonElementTexts(text: string): string[] {
  const elements: string[] = []
  let at = skipSpace(text, text.indexOf('[') + 1)
  while (at < text.length && text[at] !== ']') {
    const end = skipValue(text, at)
    elements.push(text.slice(at, end))
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return elements
}

/** A cheap look before parsing; an escape in a name (`\u0063allback`, `a\/b`) is still the name. */
function mayHold(text: string, names: readonly string[]): boolean {
  if (!/^\s*\{/.test(text)) return false
  return text.includes('\\u') || names.some((name) => text.includes(name) || /["\\/]/.test(name))
}

export interface Member {
  name: string
  start: number
  valueStart: number
  valueEnd: number
}

/** The spans of an object's own members; the text is known to be valid JSON. */
export function topLevelMembers(text: string): Member[] {
  const members: Member[] = []
  let at = skipSpace(text, text.indexOf('{') + 1)
  while (text[at] === '"') {
    const start = at
    const nameEnd = skipString(text, at)
    const name = JSON.parse(text.slice(start, nameEnd)) as string
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const valueEnd = skipValue(text, valueStart)
    members.push({ name, start, valueStart, valueEnd })
    at = skipSpace(text, valueEnd)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return members
}

/** Each member goes with the comma before it, and the first ones with the comma after them. */
function withoutMembers(
  text: string,
  members: readonly Member[],
  names: readonly string[],
): string {
  let rest = ''
  let from = 0
  let keptOne = false
  members.forEach((member, index) => {
    if (!names.includes(member.name)) {
      keptOne = true
      return
    }
    const before = members[index - 1]
    const next = members[index + 1]
    if (keptOne && before !== undefined) {
      rest += text.slice(from, Math.max(from, before.valueEnd))
      from = member.valueEnd
    } else {
      rest += text.slice(from, Math.max(from, member.start))
      from = next?.start ?? member.valueEnd
    }
  })
  return rest + text.slice(from)
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++
  return at
}

function skipString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i + 1
  }
}

function skipValue(text: string, at: number): number {
  if (text[at] === '"') return skipString(text, at)
  let depth = 0
  for (let i = at; ; i++) {
    const char = text[i]
    if (char === '"') i = skipString(text, i) - 1
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') {
      if (depth === 0) return trimEnd(text, i)
      if (--depth === 0) return i + 1
    } else if (char === ',' && depth === 0) return trimEnd(text, i)
  }
}

/** A number or literal ends before the spaces that precede the comma or brace. */
function trimEnd(text: string, end: number): number {
  while (' \t\n\r'.includes(text.charAt(end - 1))) end--
  return end
}
