// Times as they are written on the wire (RFC 3339).

const FORM = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

/** Milliseconds since 1970; undefined where the text is no such time. */
export function parseTime(text: string): number | undefined {
  const day = FORM.exec(text)?.[1]
  // Date would take the 30th of February for a day in March.
  if (day === undefined || dayOf(Date.parse(`${day}T00:00:00Z`)) !== day) return undefined
  const ms = Date.parse(text.toUpperCase())
  return Number.isNaN(ms) ? undefined : ms
}

function dayOf(ms: number): string | undefined {
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, 10)
}
