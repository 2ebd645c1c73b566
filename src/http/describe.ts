// What a description of an executable shows, and to whom.
import { LIMIT_NAMES, ownersNameOf } from '../core/limits.ts'
import type { Limits } from '../core/limits.ts'
import { AppError } from '../errors.ts'
import type { Executable, FunctionInterface, ModuleInterface, Usage } from '../model.ts'
import { readFilter } from './filter-by.ts'
import { maskCallback } from './mask.ts'
import { toTime } from './times.ts'
import { USAGE_FILTERS, usageFigure } from './usage-figures.ts'
import type { UsageFilter } from './usage-figures.ts'

export interface DescribeOptions {
  /** The text of filterBy: a JSON array of field names. */
  filter: string | undefined
  mayUse: boolean
  mayAdminister: boolean
  /** True where the request carries any key. */
  sentKey: boolean
  limits: Limits
  readWasm: () => Promise<Buffer>
  readUsage: () => Promise<Usage | undefined>
}

type Right = 'open' | 'usage' | 'admin'

interface Field {
  right: Right
  /** Large or asked for seldom: shown only where filterBy names it. */
  onRequest?: true
  read: (executable: Executable, options: DescribeOptions) => unknown
}

/** One line a field; the first six are the original's. */
const FIELDS: Readonly<Record<string, Field>> = {
  wasm_id: { right: 'open', read: ({ id }) => id },
  wasm_description: { right: 'open', read: ({ description }) => description },
  wasm_sha256: { right: 'open', read: ({ version }) => `0x${version.sha256}` },
  wasm_state: { right: 'usage', read: ({ state }) => state ?? '{}' },
  wasm_callback_object: { right: 'admin', read: ({ callback }) => maskCallback(callback) },
  wasm_as_buffer: { right: 'admin', onRequest: true, read: (_, { readWasm }) => readWasm() },
  version: { right: 'open', read: ({ version }) => version.number },
  created_at: { right: 'open', read: ({ createdAtMs }) => toTime(createdAtMs) },
  kind: { right: 'open', read: ({ version }) => version.interface.kind },
  functions: { right: 'open', read: ({ version }) => version.interface.functions },
  missing_imports: { right: 'open', read: ({ version }) => version.interface.missing_imports },
  uses_storage: {
    right: 'open',
    read: ({ version }) => version.interface.uses_storage ?? false,
  },
  warnings: { right: 'open', read: ({ version }) => version.interface.warnings },
  limits: { right: 'admin', read: (executable, { limits }) => inForce(limits, executable) },
  types: { right: 'admin', read: ({ types }) => types },
  variables: { right: 'admin', read: ({ variables }) => Object.keys(variables).sort() },
  embedded_callback: {
    right: 'admin',
    read: ({ embeddedCallback }) => (embeddedCallback ? 'on' : 'off'),
  },
  signing: { right: 'admin', read: ({ signingSecrets }) => signingSecrets.length > 0 },
  reuse: { right: 'admin', read: ({ reuse }) => reuse },
  metered: { right: 'admin', read: ({ metered }) => metered },
  ...Object.fromEntries(USAGE_FILTERS.map((name) => [name, usageField(name)])),
}

/** Counted figures cost a question to storage. */
function usageField(name: UsageFilter): Field {
  return {
    right: 'admin',
    onRequest: true,
    read: async (executable, { readUsage }) => usageFigure(name, executable, await readUsage()),
  }
}

/** @throws AppError UNKNOWN_FILTER; MISSING_KEY or WRONG_KEY where a filter names what the key does not open */
export async function describeExecutable(
  executable: Executable,
  options: DescribeOptions,
): Promise<Record<string, unknown>> {
  const may: Record<Right, boolean> = {
    open: true,
    usage: options.mayUse,
    admin: options.mayAdminister,
  }
  const { filter } = options
  const names = filter === undefined ? undefined : readFilter(filter, Object.keys(FIELDS))
  const shown: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(FIELDS)) {
    const asked = names?.includes(name) ?? field.onRequest !== true
    if (!asked) continue
    if (may[field.right]) shown[name] = await field.read(executable, options)
    else if (names !== undefined) {
      const code = options.sentKey ? 'WRONG_KEY' : 'MISSING_KEY'
      throw new AppError(code, `${name} is shown only with the ${field.right} key.`)
    }
  }
  return shown
}

function inForce(limits: Limits, executable: Executable): Record<string, number> {
  const values = limits.of(executable)
  return Object.fromEntries(LIMIT_NAMES.map((name) => [ownersNameOf(name), values[name]]))
}

/** A line to try first: the first function, with as many inputs as its types tell. */
export function curlLine(executable: Executable, origin: string): string {
  const { functions, kind } = executable.version.interface
  const [first] = functions
  const name = first?.name ?? 'FUNCTION'
  const count = first === undefined ? 1 : inputCount(first, kind)
  const suffix = first !== undefined && returnsBytes(first) ? '/bytes' : ''
  const value = kind === 'raw' ? '1' : 'hello'
  if (count <= 1) {
    const data = count === 0 ? '' : ` -H 'Content-Type: text/plain' --data '${value}'`
    return `curl -X POST ${origin}/api/run/${executable.id}/${name}${suffix}${data}`
  }
  const parts = Array.from({ length: count }, (_, index) => ` -F 'input_${index + 1}=${value}'`)
  return `curl ${origin}/api/multipart/run/${executable.id}/${name}${suffix}${parts.join('')}`
}

/** Undescribed text and bytes take two numbers each: pointer and length. */
function inputCount(fn: FunctionInterface, kind: ModuleInterface['kind']): number {
  if (fn.params !== null) return fn.params.length
  if (kind === 'wasi-command') return 1
  return kind === 'raw' ? fn.core_params.length : Math.floor(fn.core_params.length / 2)
}

function returnsBytes(fn: FunctionInterface): boolean {
  return fn.result?.includes('bytes') ?? false
}
