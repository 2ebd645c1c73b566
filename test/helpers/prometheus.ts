// Reads Prometheus' text format 0.0.4, and fails on whatever a scrape would refuse or misread.
import assert from 'node:assert/strict'

export interface Series {
  /** As the line spells it: with _bucket, _sum or _count in a histogram. */
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

export interface Family {
  type: string
  help: string
  series: Series[]
}

const NAME = /^[a-z][a-z0-9_]*$/
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y

export function parseMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends too')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let name = ''
  let family: Family | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    const [, keyword, of = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      assert.match(of, NAME)
      assert.ok(!families.has(of), `${of} comes twice`)
      name = of
      family = { type: '', help: rest, series: [] }
      families.set(of, family)
    } else if (keyword === 'TYPE') {
      assert.equal(of, name, 'TYPE follows HELP')
      assert.match(rest, /^(counter|gauge|histogram)$/)
      family!.type = rest
    } else {
      const series = readSample(line)
      assert.ok(family !== undefined && family.type !== '', `${line} has no TYPE`)
      const parts = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      assert.ok(
        parts.some((part) => series.name === name + part),
        `${line} is no part of ${name}`,
      )
      const key = `${series.name} ${JSON.stringify(Object.entries(series.labels).sort())}`
      assert.ok(!seen.has(key), `${line} comes twice`)
      seen.add(key)
      family.series.push(series)
    }
  }
  for (const [of, { type, series }] of families) {
    assert.ok(series.length > 0, `${of} has no series`)
    assert.equal(type === 'counter', of.endsWith('_total'), `${of} is a ${type}`)
    if (type === 'counter') for (const { value } of series) assert.ok(value >= 0, of)
    if (type === 'histogram') checkHistogram(of, series)
  }
  return families
}

function readSample(line: string): Series {
  const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(line)
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  let end = 0
  for (let found; end < labelText.length && (found = LABEL.exec(labelText)) !== null;) {
    const [, label = '', content = '', separator] = found
    assert.ok(!(label in labels), line)
    labels[label] = content
    end = LABEL.lastIndex
    assert.equal(separator === '', end === labelText.length, line)
  }
  assert.equal(end, labelText.length, line)
  assert.match(value, /^-?\d+(\.\d+)?(e[+-]\d+)?$/, line)
  return { name, labels, value: Number(value) }
}

/** Buckets rise with their bounds, the last holds all, and sum and count are there, for each set of labels. */
function checkHistogram(name: string, series: readonly Series[]): void {
  const sets = new Map<string, Series[]>()
  for (const one of series) {
    const key = JSON.stringify({ ...one.labels, le: undefined })
    sets.set(key, [...(sets.get(key) ?? []), one])
  }
  for (const set of sets.values()) {
    const buckets = set.filter((one) => one.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('+Inf', 'Infinity')))
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
    )
    assert.equal(bounds.at(-1), Infinity)
    for (const [at, { value }] of buckets.entries()) {
      assert.ok(value >= (buckets[at - 1]?.value ?? 0), `${name} falls`)
    }
    const [sum, count] = set.slice(buckets.length)
    assert.deepEqual([sum?.name, count?.name], [`${name}_sum`, `${name}_count`])
    assert.equal(count?.value, buckets.at(-1)?.value)
    assert.ok(sum!.value >= 0)
  }
}

/** The value of the one series with these labels among its own; 0 where there is none yet. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  assert.ok(family, `there is no ${name}`)
  const found = family.series.filter(
    (one) =>
      one.name === name &&
      Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  )
  assert.ok(found.length <= 1, `${name} with ${JSON.stringify(labels)} is not one series`)
  return found[0]?.value ?? 0
}
