// Text on its way to PostgreSQL and back: it cannot hold U+0000, which logs and whatever else guests and
// callers make may contain. Such text is stored with an escape and reads back as it was.

/** A noncharacter, which no text should hold; one that does has it escaped too. */
const ESCAPE = '\uFDD0'
const TO_ESCAPE = /[\0\uFDD0]/
const ESCAPED = /\uFDD0([01])/g

export function toStoredText(text: string): string {
  if (!TO_ESCAPE.test(text)) return text
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll('\0', `${ESCAPE}0`)
}

export function fromStoredText(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored
  return stored.replaceAll(ESCAPED, (_, which) => (which === '0' ? '\0' : ESCAPE))
}
