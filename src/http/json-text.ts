// JSON with members that are JSON text already. They are put in as they were written: reading and writing them would
// change large numbers.

export const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * @param shown the members before them, of which there is at least one
 * @param texts null where a member has none
 */
export function jsonWith(shown: object, texts: Readonly<Record<string, string | null>>): string {
  const members = Object.entries(texts).map(
    ([name, text]) => `,${JSON.stringify(name)}:${text ?? 'null'}`,
  )
  return `${JSON.stringify(shown).slice(0, -1)}${members.join('')}}`
}
