// Figures and times as people read them.

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const STEPS = ['B', 'kB', 'MB', 'GB'] as const

/** Of today the time alone. */
export function time(rfc3339: string): string {
  const at = new Date(rfc3339)
  const today = at.toDateString() === new Date().toDateString()
  return (today ? TIME : DAY_AND_TIME).format(at)
}

export function bytes(count: number): string {
  const step = count < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(count) / 3))
  const value = count / 1000 ** step
  return `${step === 0 ? value : value.toPrecision(3)} ${STEPS[step] ?? 'B'}`
}

export function duration(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))} µs`
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

/** `say(text) → text`, as far as the module tells. */
export function signature(params: string[] | null, result: string | null): string {
  const taken = params === null ? '…' : params.join(', ')
  return `(${taken})${result === null ? '' : ` → ${result}`}`
}

/** The beginnings of ids, which are times, are alike. */
export function shortId(id: string): string {
  return `…${id.slice(-8)}`
}

/** `99.5 %`, rounded down: all is said of all only. */
export function share(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 1000) / 10} %`
}
