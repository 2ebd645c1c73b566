// The options of `npm run test:crash`.
import { parseArgs } from 'node:util'

export const ENGINES = ['sqlite', 'postgres', 'small-disk'] as const
export type EngineName = (typeof ENGINES)[number]
const BOTH: readonly EngineName[] = ['sqlite', 'postgres']

export interface CrashOptions {
  engines: readonly EngineName[]
  /** Of each engine, at least. */
  kills: number
  /** In all, shared by the engines, at least. */
  minutes: number
  seed: number
  clients: number
  /** Puts the figures into docs/reliability.md. */
  write: boolean
}

export const USAGE = `usage: npm run test:crash -- [options]
  --engine sqlite|postgres|both|small-disk   default both; small-disk has to mount one
  --kills N      at least so many kills of each engine; default 200
  --minutes M    at least so long in all; default 0
  --seed S       a whole number; default: drawn, and printed
  --clients N    requests under way at once; default 16
  --write        put the figures into docs/reliability.md`

/** @throws Error with a sentence */
export function readOptions(args: string[]): CrashOptions {
  const { values } = parseArgs({
    args,
    options: {
      engine: { type: 'string', default: 'both' },
      kills: { type: 'string', default: '200' },
      minutes: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      clients: { type: 'string', default: '16' },
      write: { type: 'boolean', default: false },
    },
  })
  const engines = values.engine === 'both' ? BOTH : ENGINES.filter((name) => values.engine === name)
  if (engines.length === 0) throw new Error(`There is no engine ${values.engine}.`)
  return {
    engines,
    kills: wholeNumber('kills', values.kills),
    minutes: wholeNumber('minutes', values.minutes),
    seed: wholeNumber('seed', values.seed),
    clients: wholeNumber('clients', values.clients),
    write: values.write,
  }
}

function wholeNumber(name: string, value: string): number {
  const number = Number(value)
  if (value === '' || !Number.isInteger(number) || number < 0) {
    throw new Error(`--${name} is ${value}; it must be a whole number.`)
  }
  return number
}
