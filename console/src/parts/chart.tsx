// Figures over time, drawn by uPlot in the colours of the page; who does not see them is read the label.
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import * as format from '../format.ts'

export interface Series {
  name: string
  /** A custom property of base.css. */
  color: '--accent' | '--bad' | '--good' | '--muted'
  /** One for each time; null where nothing is known. */
  values: readonly (number | null)[]
}

interface Props {
  /** Says what is to be seen. */
  label: string
  /** Milliseconds since 1970, rising. */
  times: readonly number[]
  series: readonly Series[]
  /** Lines or bars with axes, or bars of a line's height without any. Later bars stand in front. */
  kind?: 'lines' | 'bars' | 'spark'
  /** How a value is read. */
  words?: (value: number) => string
}

const HEIGHT = 160
const SPARK = { width: 110, height: 26 }

export function Chart({ label, times, series, kind = 'lines', words = String }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | undefined>(undefined)
  const dark = useDark()
  const names = series.map((one) => one.name).join()

  useEffect(() => {
    const { current } = box
    if (current === null) return undefined
    const width = current.clientWidth || 600
    const made = new uPlot(OPTIONS[kind](series, words, width), dataOf(times, series), current)
    chart.current = made
    const resized = new ResizeObserver(() => {
      if (kind !== 'spark') made.setSize({ width: current.clientWidth, height: HEIGHT })
    })
    resized.observe(current)
    return () => {
      resized.disconnect()
      made.destroy()
      chart.current = undefined
    }
    // It is made anew only where its looks change.
  }, [dark, names, kind])

  useEffect(() => {
    chart.current?.setData(dataOf(times, series))
  }, [times, series])

  return (
    <div ref={box} class={kind === 'spark' ? 'spark' : 'chart'} role="img" aria-label={label} />
  )
}

/** Which colour is which. */
export function Keys({ series }: Pick<Props, 'series'>) {
  return (
    <ul class="keys">
      {series.map(({ name, color }) => (
        <li key={name} class={`key ${color.slice(2)}`}>
          {name}
        </li>
      ))}
    </ul>
  )
}

/** uPlot counts in seconds. */
function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...series.map(({ values }) => [...values])]
}

type Words = (value: number) => string
type Scales = NonNullable<uPlot.Options['scales']>

const OPTIONS = { lines, bars, spark }

const BARE = { cursor: { show: false }, legend: { show: false } }

function lines(series: readonly Series[], words: Words, width: number): uPlot.Options {
  return {
    ...{ ...BARE, width, height: HEIGHT, axes: axes(words) },
    scales: { y: { range: (_, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    series: [
      {},
      ...series.map(({ name, color }) => ({
        ...{ label: name, stroke: resolve(color), width: 1.5, points: { show: false } },
      })),
    ],
  }
}

function bars(series: readonly Series[], words: Words, width: number): uPlot.Options {
  return {
    ...{ ...BARE, width, height: HEIGHT, axes: axes(words) },
    ...{ scales: BAR_SCALES, series: [{}, ...series.map(bar)] },
  }
}

function spark(series: readonly Series[]): uPlot.Options {
  return {
    ...{ ...BARE, ...SPARK, padding: [1, 0, 1, 0], axes: [{ show: false }, { show: false }] },
    ...{ scales: BAR_SCALES, series: [{}, ...series.map(bar)] },
  }
}

function axes(words: Words): uPlot.Axis[] {
  const axis = {
    stroke: resolve('--muted'),
    grid: { stroke: resolve('--line'), width: 1 },
    ticks: { show: false },
  }
  return [
    { ...axis, space: 90, values: (_, all) => all.map((s) => format.clock(s * 1000)) },
    { ...axis, size: 72, values: (_, all) => all.map(words) },
  ]
}

function bar({ name, color }: Series): uPlot.Series {
  const paths = uPlot.paths.bars?.({ size: [0.8, 24] })
  return {
    ...{ label: name, fill: resolve(color), points: { show: false } },
    ...(paths === undefined ? {} : { paths }),
  }
}

const BAR_SCALES: Scales = {
  // Half a bar stands before the first time, and half after the last.
  x: { range: ({ data: [times] }, first, last) => around(first, last, times.length) },
  y: { range: (_, _least, most) => [0, Math.max(1, most)] },
}

function around(first: number, last: number, count: number): [number, number] {
  const half = count > 1 ? (last - first) / (count - 1) / 2 : 1
  return [first - half, last + half]
}

function resolve(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim()
}

function useDark(): boolean {
  const [dark, setDark] = useState(() => query().matches)
  useEffect(() => {
    const asked = query()
    const changed = () => setDark(asked.matches)
    asked.addEventListener('change', changed)
    return () => asked.removeEventListener('change', changed)
  }, [])
  return dark
}

function query(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)')
}
