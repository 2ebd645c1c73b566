// The configuration: read once from the environment and the flags, checked, frozen. settings.ts says what there
// is to set.
import { ConfigError, checkTogether, isLoopback } from './config-check.ts'
import { FLAGS, LISTS, NUMBERS, TEXTS, defaultThreads } from './settings.ts'
import type { Setting } from './settings.ts'

export { ConfigError, isLoopback }

/** Every setting by its name. */
export type Config = Readonly<
  Record<keyof typeof TEXTS, string> &
    Record<keyof typeof LISTS, readonly string[]> &
    Record<keyof typeof FLAGS, boolean> &
    Record<keyof typeof NUMBERS, number>
>

type NumberName = keyof typeof NUMBERS

/** Defaults whose ceiling is another setting. */
const WITH_CEILING = (Object.keys(NUMBERS) as NumberName[]).filter(
  (name) => `${name}_MAX` in NUMBERS,
)

/** The ceiling of a setting that has one. */
export function ceilingOf(config: Config, name: NumberName): number {
  const ceiling = config[`${name}_MAX` as NumberName]
  return name === 'CONCURRENCY' && ceiling === 0
    ? Math.max(config.CONCURRENCY, halfTheThreads(config))
    : ceiling
}

/** So that one executable can never hold them all. */
export function halfTheThreads(config: Config): number {
  return Math.max(1, Math.floor(config.SANDBOX_THREADS / 2))
}

/**
 * Reads settings from flags (`--port 80` or `--port=80`), then from the environment, then the defaults.
 * @throws ConfigError naming the setting, what it holds and what it may hold.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = [],
): Config {
  const flags = readFlags(args)
  const given = (name: string): string | undefined => flags.get(name) ?? env[name]
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(TEXTS)) config[name] = given(name) ?? setting.default
  for (const [name, setting] of Object.entries(LISTS)) {
    config[name] = Object.freeze(readList(given(name)) ?? setting.default)
  }
  for (const [name, setting] of Object.entries(FLAGS)) {
    config[name] = readFlag(name, given(name)) ?? setting.default
  }
  for (const [name, setting] of Object.entries(NUMBERS)) {
    config[name] = readNumber(name, setting, given(name))
  }
  if ((given('SANDBOX_THREADS') ?? '') === '') {
    config.SANDBOX_THREADS = defaultThreads(config.WORKERS as number)
  }
  const whole = config as Config
  checkCeilings(whole)
  checkTogether(whole)
  return Object.freeze(whole)
}

function readFlags(args: readonly string[]): Map<string, string> {
  const known = new Set([TEXTS, LISTS, FLAGS, NUMBERS].flatMap((group) => Object.keys(group)))
  const flags = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const match = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(arg)
    const name = match?.[1]?.toUpperCase().replaceAll('-', '_') ?? ''
    if (!known.has(name)) throw new ConfigError(`There is no flag ${JSON.stringify(arg)}.`)
    const value = match?.[2] ?? args[++i]
    if (value === undefined) throw new ConfigError(`The flag ${arg} needs a value.`)
    flags.set(name, value)
  }
  return flags
}

function readList(value: string | undefined): readonly string[] | undefined {
  return value
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function readFlag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined || value === '') return undefined
  if (['1', 'true', 'on', 'yes'].includes(value.toLowerCase())) return true
  if (['0', 'false', 'off', 'no'].includes(value.toLowerCase())) return false
  throw new ConfigError(`${name} is ${JSON.stringify(value)}; it must be 1 or 0.`)
}

function readNumber(name: string, setting: Setting<number>, value: string | undefined): number {
  if (value === undefined || value === '') return setting.default
  if (value === 'auto' && setting.auto !== undefined) return setting.auto
  const [least, most] = setting.range ?? [0, Number.MAX_SAFE_INTEGER]
  const number = /^[0-9][0-9_]*$/.test(value) ? Number(value.replaceAll('_', '')) : NaN
  if (!(number >= least && number <= most)) {
    throw new ConfigError(
      `${name} is ${JSON.stringify(value)}; it must be ${setting.auto === undefined ? '' : 'auto or '}a whole number (${setting.unit}) from ${least} to ${most}.`,
    )
  }
  return number
}

function checkCeilings(config: Config): void {
  for (const name of WITH_CEILING) {
    const ceiling = ceilingOf(config, name)
    if (config[name] > ceiling) {
      throw new ConfigError(`${name} (${config[name]}) is above ${name}_MAX (${ceiling}).`)
    }
  }
  for (const name of ['CONCURRENCY', 'CONCURRENCY_MAX'] as const) {
    if (config[name] > config.SANDBOX_THREADS) {
      throw new ConfigError(`${name} is above SANDBOX_THREADS.`)
    }
  }
}
