// Figures and times as people read them.

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const STEPS = ['B', 'KiB', 'MiB', 'GiB'] as const

/** Of today the time alone. */
export function time(rfc3339: string): string {
  const at = new Date(rfc3339)
  const today = at.toDateString() === new Date().toDateString()
  return (today ? TIME : DAY_AND_TIME).format(at)
}

/** In a sentence, whatever the day; what is no time stays as it is. */
export function moment(rfc3339: string): string {
  const at = new Date(rfc3339)
  return Number.isNaN(at.getTime()) ? rfc3339 : DAY_AND_TIME.format(at)
}

/** As a field for a moment takes it: by this reader's clock, to the minute; empty where it is no time. */
export function localMinute(at: Date): string {
  if (Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** Of a chart: seconds where they are not whole minutes. */
export function clock(ms: number): string {
  return (ms % 60_000 === 0 ? CLOCK : TIME).format(new Date(ms))
}

export function bytes(count: number): string {
  const step = count < 1000 ? 0 : Math.min(3, Math.max(1, Math.floor(Math.log2(count) / 10)))
  const value = count / 1024 ** step
  const digits = Number.isInteger(value) || value >= 1000 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toFixed(digits)} ${STEPS[step] ?? 'B'}`
}

export function duration(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))} µs`
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** What somebody set, in the largest unit that it is a whole number of. */
export function pause(ms: number): string {
  const unit = UNITS.find(([, size]) => ms % size === 0 && ms >= size)
  return unit === undefined ? `${ms} ms` : `${ms / unit[1]} ${unit[0]}`
}

/** `say(text) → text`, as far as the module tells. */
export function signature(params: string[] | null, result: string | null): string {
  const taken = params === null ? '…' : params.join(', ')
  return `(${taken})${result === null ? '' : ` → ${result}`}`
}

/** Of a time that people wait for: `3 d 4 h`, `12 s`. */
export function span(ms: number): string {
  const at = UNITS.findIndex(([, unit]) => ms >= unit)
  const [name, unit] = UNITS[at] ?? ['ms', 1]
  const whole = Math.floor(ms / unit)
  const [nextName, nextUnit] = UNITS[at + 1] ?? ['', Infinity]
  const rest = at < 0 ? 0 : Math.floor((ms - whole * unit) / nextUnit)
  return `${whole} ${name}${rest === 0 ? '' : ` ${rest} ${nextName}`}`
}

/** The beginnings of ids, which are times, are alike. */
export function shortId(id: string): string {
  return `…${id.slice(-8)}`
}

/** `99.5 %`, rounded down: all is said of all only. */
export function share(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 1000) / 10} %`
}
