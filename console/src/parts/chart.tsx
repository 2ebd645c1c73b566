// Figures over time, drawn by uPlot in the colours of the page; who does not see them is read the label.
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'

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
  /** Bars of a line's height, without axes; else lines with them. */
  small?: boolean
  /** How a value is read. */
  words?: (value: number) => string
}

const HEIGHT = { small: 26, large: 160 }
const WIDTH_SMALL = 110
/** Of a single time nothing could be drawn. */
const SPAN_S_MIN = 60

export function Chart({ label, times, series, small = false, words = String }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | undefined>(undefined)
  const dark = useDark()
  const names = series.map((one) => one.name).join()

  useEffect(() => {
    const { current } = box
    if (current === null) return undefined
    const options = small
      ? smallOptions(series)
      : largeOptions(series, words, current.clientWidth || 600)
    const made = new uPlot(options, dataOf(times, series), current)
    chart.current = made
    const resized = new ResizeObserver(() => {
      if (!small) made.setSize({ width: current.clientWidth, height: HEIGHT.large })
    })
    resized.observe(current)
    return () => {
      resized.disconnect()
      made.destroy()
      chart.current = undefined
    }
    // It is made anew only where its looks change.
  }, [dark, names, small])

  useEffect(() => {
    chart.current?.setData(dataOf(times, series))
  }, [times, series])

  return <div ref={box} class={small ? 'spark' : 'chart'} role="img" aria-label={label} />
}

/** uPlot counts in seconds. */
function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...series.map(({ values }) => [...values])]
}

function smallOptions(series: readonly Series[]): uPlot.Options {
  const bars = uPlot.paths.bars?.({ size: [0.8, 10] })
  return {
    width: WIDTH_SMALL,
    height: HEIGHT.small,
    padding: [1, 0, 1, 0],
    cursor: { show: false },
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      // Half a bar stands before the first time, and half after the last.
      x: { range: ({ data: [times] }, first, last) => around(first, last, times.length) },
      y: { range: (_, _least, most) => [0, Math.max(1, most)] },
    },
    series: [
      {},
      ...series.map(({ name, color }) => ({
        label: name,
        fill: resolve(color),
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      })),
    ],
  }
}

function around(first: number, last: number, count: number): [number, number] {
  const half = count > 1 ? (last - first) / (count - 1) / 2 : 1
  return [first - half, last + half]
}

function largeOptions(
  series: readonly Series[],
  words: (value: number) => string,
  width: number,
): uPlot.Options {
  const axis = {
    stroke: resolve('--muted'),
    grid: { stroke: resolve('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: HEIGHT.large,
    legend: { show: false },
    cursor: { show: false },
    axes: [axis, { ...axis, size: 72, values: (_, all) => all.map(words) }],
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - SPAN_S_MIN), last] },
      y: { range: (_, _least, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    series: [
      {},
      ...series.map(({ name, color }) => ({
        label: name,
        stroke: resolve(color),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
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
