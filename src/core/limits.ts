// What a call may use: the owner's own limits over the defaults, never past the operator's ceilings.
import { ceilingOf, halfTheThreads } from '../config.ts'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { CallLimits, Executable } from '../model.ts'
import { NUMBERS } from '../settings.ts'

type LimitName = keyof CallLimits

/** The setting that holds each limit's default; its ceiling is the setting's _MAX. */
export const SETTING_OF = {
  timeoutMs: 'RUN_TIMEOUT_MS',
  memoryBytes: 'RUN_MEMORY_BYTES',
  tableElements: 'TABLE_ELEMENTS',
  inputBytes: 'INPUT_BYTES',
  outputBytes: 'OUTPUT_BYTES',
  logBytes: 'LOG_BYTES',
  concurrency: 'CONCURRENCY',
  queueLength: 'QUEUE_LENGTH',
  queueWaitMs: 'QUEUE_WAIT_MS',
  fuel: 'RUN_FUEL',
  reuseCalls: 'REUSE_CALLS',
  reuseAgeMs: 'REUSE_AGE_MS',
  storeBytes: 'STORE_BYTES',
  storeKeys: 'STORE_KEYS',
} as const satisfies Record<LimitName, keyof typeof NUMBERS>

export const LIMIT_NAMES = Object.keys(SETTING_OF) as LimitName[]

/** One limit of one executable, in full. */
export interface LimitInForce {
  value: number
  /** What the owner set; null: nothing, so that the default holds. */
  own: number | null
  default: number
  floor: number
  ceiling: number
  unit: string
}

export type Limits = ReturnType<typeof createLimits>

export function createLimits(config: Config) {
  const each = (read: (name: LimitName) => number): Readonly<CallLimits> =>
    Object.freeze(
      Object.fromEntries(LIMIT_NAMES.map((name) => [name, read(name)])) as Record<
        LimitName,
        number
      >,
    )
  const ceilings = each((name) => ceilingOf(config, SETTING_OF[name]))
  const defaults = each((name) => config[SETTING_OF[name]] || fallback(name))

  /** For CONCURRENCY alone 0 is a way to say "half the threads". */
  function fallback(name: LimitName): number {
    return name === 'concurrency' ? halfTheThreads(config) : 0
  }

  function merge(own: Executable['limits']): Readonly<CallLimits> {
    // A ceiling that was lowered after the owner's choice holds all the same.
    return each((name) => Math.min(own[name] ?? defaults[name], ceilings[name]))
  }

  /** An executable is replaced, never changed, when something of it is set. */
  const merged = new WeakMap<Executable, Readonly<CallLimits>>()

  /** What holds for a call; the same object until something of the executable is set. */
  function of(executable: Executable): Readonly<CallLimits> {
    const known = merged.get(executable)
    if (known !== undefined) return known
    const limits = merge(executable.limits)
    merged.set(executable, limits)
    return limits
  }

  return {
    defaults,
    of,

    /** @throws AppError LIMIT_OUT_OF_RANGE naming the ceiling */
    check(own: Readonly<Partial<CallLimits>>): void {
      for (const name of LIMIT_NAMES) {
        const value = own[name]
        const [floor, ceiling] = [floorOf(name), ceilings[name]]
        if (value === undefined || (value >= floor && value <= ceiling)) continue
        const setting = SETTING_OF[name]
        const limit = ownersNameOf(name)
        throw new AppError(
          'LIMIT_OUT_OF_RANGE',
          `${limit} is ${value}; it must be from ${floor} to ${ceiling} ${NUMBERS[setting].unit}, which is ${setting}_MAX.`,
          { detail: { limit, floor, ceiling, ceiling_setting: `${setting}_MAX` } },
        )
      }
    },

    /** Everything about one limit of an executable. */
    tell(executable: Executable, name: LimitName): LimitInForce {
      return {
        value: of(executable)[name],
        own: executable.limits[name] ?? null,
        default: defaults[name],
        floor: floorOf(name),
        ceiling: ceilings[name],
        unit: NUMBERS[SETTING_OF[name]].unit,
      }
    },
  }
}

/** A limit under the name by which its owner sets it: that of the setting, in lower case. */
export function ownersNameOf(name: LimitName): Lowercase<(typeof SETTING_OF)[LimitName]> {
  return SETTING_OF[name].toLowerCase() as Lowercase<(typeof SETTING_OF)[LimitName]>
}

/** At least one call at a time, or the function could not be called at all. */
export function floorOf(name: LimitName): number {
  const [floor] = NUMBERS[SETTING_OF[name]].range ?? [0]
  return name === 'concurrency' ? 1 : floor
}
