// The public wire names (SSVM_*, wasm_*) and what they mean in the model. No other file spells them
// when it reads a request; routes spell them only in their schemas and answers.
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { HOPS_MAX } from '../core/hops.ts'
import { AppError } from '../errors.ts'
import type { Callback, RequestSpec } from '../model.ts'
import { parseRequestSpec } from '../request-spec.ts'

/** Headers of the original interface, each accepted with underscores and with hyphens. */
export type WireHeader =
  | 'SSVM_Admin_Key'
  | 'SSVM_Usage_Key'
  | 'SSVM_Description'
  | 'SSVM_Create_Usage_Key'
  | 'SSVM_Fetch'
  | 'SSVM_Callback'

/** How Node spells each header, with underscores and with hyphens. */
const SPELLINGS: Readonly<Record<WireHeader, readonly [string, string]>> = {
  SSVM_Admin_Key: ['ssvm_admin_key', 'ssvm-admin-key'],
  SSVM_Usage_Key: ['ssvm_usage_key', 'ssvm-usage-key'],
  SSVM_Description: ['ssvm_description', 'ssvm-description'],
  SSVM_Create_Usage_Key: ['ssvm_create_usage_key', 'ssvm-create-usage-key'],
  SSVM_Fetch: ['ssvm_fetch', 'ssvm-fetch'],
  SSVM_Callback: ['ssvm_callback', 'ssvm-callback'],
}

/** The header's text, or undefined. Node hands bytes over as latin1; curl sends UTF-8, browsers latin1. */
export function wireHeader(headers: IncomingHttpHeaders, name: WireHeader): string | undefined {
  const [underscored, hyphenated] = SPELLINGS[name]
  const value = headers[underscored] ?? headers[hyphenated]
  if (value === undefined) return undefined
  // Node has taken the blanks around it; trim() would also take the last byte of a text such as "voilà".
  return headerText(String(value))
}

/** What Node.js has read as latin1, whatever it was. */
export function headerText(latin1: string): string {
  // eslint-disable-next-line no-control-regex -- ASCII, which nearly every header is, reads the same.
  if (/^[\x00-\x7f]*$/.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : latin1
}

export function bearer(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}

/** How many runs the call has passed through, told by ourselves in `Wasmhook-Hops`. */
export function hopsOf(headers: IncomingHttpHeaders): number {
  const value = headers['wasmhook-hops']
  if (value === undefined) return 0
  const hops = /^\d{1,3}$/.test(String(value)) ? Number(value) : HOPS_MAX + 1
  return hops
}

export interface Parsed<T> {
  value: T
  /** For people: what was ignored in a request spec. */
  warnings: string[]
}

/** A callback as sent in a header, a part or a JSON body: `{}` means none for this call. */
export function toCallback(value: unknown): Parsed<Callback> {
  if (value === undefined) return { value: undefined, warnings: [] }
  if (meansNone(value)) return { value: 'none', warnings: [] }
  const { spec, warnings } = parseRequestSpec(value, 'callback')
  return { value: spec, warnings }
}

export function toFetch(value: unknown): Parsed<RequestSpec> {
  const { spec, warnings } = parseRequestSpec(value, 'fetch')
  return { value: spec, warnings }
}

/** True for `{}`, as text or as a value. */
export function meansNone(value: unknown): boolean {
  if (typeof value === 'string') return /^\s*\{\s*\}\s*$/.test(value)
  return (
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0
  )
}

/** A `wasm_id` out of a path; anything but a positive integer names nothing. */
export function toExecutableId(text: string): number {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(id)) throw new AppError('NOT_FOUND', 'There is no such executable.')
  return id
}

/** UTF-8 text, its every byte, or BAD_REQUEST: state, callbacks and specs are text. */
export function toText(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new AppError('BAD_REQUEST', `The ${what} is not valid UTF-8.`)
  }
}
