// What a description of an executable shows, and to whom.
import { AppError } from '../errors.ts'
import type { CallLimits, Executable, FunctionInterface, ModuleInterface } from '../model.ts'
import { maskCallback } from './mask.ts'

export interface DescribeOptions {
  /** The text of filterBy: a JSON array of field names. */
  filter: string | undefined
  mayUse: boolean
  mayAdminister: boolean
  /** True where the request carries any key. */
  sentKey: boolean
  limits: CallLimits
  readWasm: () => Promise<Buffer>
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
  created_at: { right: 'open', read: ({ createdAtMs }) => new Date(createdAtMs).toISOString() },
  kind: { right: 'open', read: ({ version }) => version.interface.kind },
  functions: { right: 'open', read: ({ version }) => version.interface.functions },
  missing_imports: { right: 'open', read: ({ version }) => version.interface.missing_imports },
  uses_storage: {
    right: 'open',
    read: ({ version }) => version.interface.uses_storage ?? false,
  },
  warnings: { right: 'open', read: ({ version }) => version.interface.warnings },
  limits: { right: 'open', read: (_, { limits }) => wireLimits(limits) },
  types: { right: 'admin', read: ({ types }) => types },
  variables: { right: 'admin', read: ({ variables }) => Object.keys(variables).sort() },
  embedded_callback: {
    right: 'admin',
    read: ({ embeddedCallback }) => (embeddedCallback ? 'on' : 'off'),
  },
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
  const names = options.filter === undefined ? undefined : readFilter(options.filter)
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

function readFilter(text: string): string[] {
  let names: unknown
  try {
    names = JSON.parse(text)
  } catch {
    names = undefined
  }
  const known = Object.keys(FIELDS)
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new AppError('UNKNOWN_FILTER', 'filterBy must be a JSON array, as ["wasm_description"].')
  }
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new AppError('UNKNOWN_FILTER', `There is no filter ${JSON.stringify(unknown)}.`, {
      detail: { filters: known },
    })
  }
  return names
}

/** Limits under the names of the configuration, lower case. */
function wireLimits(limits: CallLimits): Record<string, number> {
  return {
    run_timeout_ms: limits.timeoutMs,
    run_memory_bytes: limits.memoryBytes,
    table_elements: limits.tableElements,
    input_bytes: limits.inputBytes,
    output_bytes: limits.outputBytes,
    log_bytes: limits.logBytes,
    concurrency: limits.concurrency,
    queue_length: limits.queueLength,
    queue_wait_ms: limits.queueWaitMs,
    store_bytes: limits.storeBytes,
    store_keys: limits.storeKeys,
  }
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
