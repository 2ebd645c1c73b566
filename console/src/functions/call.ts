// A call as its form says it: the request, and the curl line that makes the same one.
import type { Bin } from '../bins/api.ts'
import { client, keys, mayBeKey } from '../client.ts'
import type { Export } from './api.ts'
import { NO_TARGET, complaintOfTarget } from './callback.ts'
import { callerCurl, curl } from '../curl.ts'
import { parseExactly } from '../json-text.ts'
import type { Word } from '../curl.ts'
import { linkTo } from '../route.ts'

export const INPUT_KINDS = ['text', 'json', 'file', 'url'] as const
export type InputKind = (typeof INPUT_KINDS)[number]

export interface Input {
  kind: InputKind
  /** Of text and JSON the argument; of a URL the address, or HTTP options as JSON. */
  text: string
  file: File | undefined
}

export const NO_INPUT: Input = { kind: 'text', text: '', file: undefined }

/** What most calls do without. */
export interface More {
  /** Where the result is sent on to: a URL, or HTTP options as JSON. Empty: where the stored callback says, or back. */
  target: string
  /** That was made here as a target. */
  bin: Bin | undefined
  idempotencyKey: string
  /** Of whoever may call it and is not its owner. */
  usageKey: string
  background: boolean
}

export const NOTHING_MORE: More = {
  target: '',
  bin: undefined,
  idempotencyKey: '',
  usageKey: '',
  background: false,
}

export interface Call {
  id: number
  name: string
  inputs: readonly Input[]
  /** The function returns bytes. */
  bytes: boolean
  more: More
  /** The address of the stored callback, as far as it is known. */
  stored: string | undefined
}

export interface Answer {
  status: number
  body: Blob
  type: string
  runId: string | undefined
  ms: number
  /** Where the result went, and the page of the request bin that it is. */
  sentTo: { address: string; bin: string | undefined } | undefined
  /** 202 of the server itself, which has taken the call over. */
  handedOver: boolean
  /** It is that of the first call with the same key. */
  replayed: boolean
}

/** What the form begins with: as many inputs as the types tell, each of the likely kind. */
export function firstInputs(fn: Export, kind: string): Input[] {
  const params = fn.params ?? undescribed(fn, kind)
  return params.map((type) => ({ ...NO_INPUT, kind: type.includes('bytes') ? 'file' : 'text' }))
}

/** Undescribed text and bytes take two numbers each: pointer and length. */
function undescribed({ core_params: core }: Export, kind: string): string[] {
  if (kind === 'wasi-command') return ['text']
  const count = kind === 'raw' ? core.length : Math.floor(core.length / 2)
  return Array.from({ length: count }, () => 'text')
}

/** A sentence where an input cannot be sent as it is. */
export function complaint(input: Input): string | undefined {
  if (input.kind === 'file') return input.file === undefined ? 'Choose a file.' : undefined
  if (input.kind === 'json' && parse(input.text) === undefined) return 'This is not valid JSON.'
  if (input.kind !== 'url') return undefined
  return input.text.trim() === '' ? NO_TARGET : complaintOfTarget(input.text)
}

export function complaintOfKey(key: string): string | undefined {
  return /^[\x21-\x7e]{0,255}$/.test(key.trim())
    ? undefined
    : 'The key has to be at most 255 letters, digits and signs of ASCII.'
}

export function complaintOfUsageKey(key: string): string | undefined {
  const given = key.trim()
  return given === '' || mayBeKey(given)
    ? undefined
    : 'A usage key has letters, digits and signs of ASCII only.'
}

/** A sentence where what most calls do without cannot be sent as it is. */
export function complaintOfMore({ target, idempotencyKey, usageKey }: More): string | undefined {
  return (
    complaintOfTarget(target) ?? complaintOfKey(idempotencyKey) ?? complaintOfUsageKey(usageKey)
  )
}

export async function send(call: Call, signal: AbortSignal): Promise<Answer> {
  const begun = performance.now()
  // Before anything runs: what is wrong with it is no failure of the call.
  const target = sentTo(call)
  const response = await request(call, signal)
  const body = await response.blob()
  const { status, headers } = response
  return {
    status,
    body,
    type: headers.get('content-type') ?? '',
    runId: headers.get('wasmhook-run') ?? undefined,
    ms: performance.now() - begun,
    sentTo: target,
    // A target's answer comes without its headers.
    handedOver: status === 202 && headers.has('location'),
    replayed: headers.has('idempotent-replayed'),
  }
}

function sentTo({ more: { target, bin }, stored }: Call): Answer['sentTo'] {
  const named = target.trim()
  if (named === '') return stored === undefined ? undefined : { address: stored, bin: undefined }
  // Its numbers are told, not sent.
  const address = addressOf(isOptions(named) ? JSON.parse(named) : named)
  if (address === undefined) return undefined
  const own = bin?.url === named
  const page = own ? linkTo('bin', { tenant: bin.tenant, id: bin.bin_id }) : undefined
  return { address, bin: page }
}

/** Of a URL, or of HTTP options; undefined where they name nobody. */
export function addressOf(target: unknown): string | undefined {
  if (typeof target === 'string') return target === '' ? undefined : target
  if (typeof target !== 'object' || target === null) return undefined
  const { protocol, hostname, host, port, path } = target as Readonly<
    Record<string, string | number | undefined>
  >
  const name = hostname ?? host
  if (name === undefined) return undefined
  return `${protocol ?? 'https:'}//${name}${port === undefined ? '' : `:${port}`}${path ?? '/'}`
}

/** All but the usage key, which no line shows. */
function headersOf({ target, idempotencyKey, background }: More): [string, string][] {
  const all: [string, string][] = [
    ['SSVM_Callback', specValue(target)],
    ['Idempotency-Key', idempotencyKey.trim()],
    ['Prefer', background ? 'respond-async' : ''],
  ]
  return all.filter(([, value]) => value !== '')
}

async function request(call: Call, signal: AbortSignal): Promise<Response> {
  const { id, name, inputs, bytes } = call
  const path = { id, fn: name }
  const said = Object.fromEntries(headersOf(call.more))
  const usageKey = call.more.usageKey.trim()
  // As its callers, who have no other key: with one of its owner nobody would look at it.
  const key = usageKey === '' ? keys(id) : { usageKey }
  const common = { path, as: 'response', headers: said, ...key, signal } as const
  const [input] = inputs
  if (inputs.length > 1) {
    const form = new FormData()
    inputs.forEach((one, at) => form.append(partName(one, at), partValue(one)))
    const route = bytes ? '/api/multipart/run/{id}/{fn}/bytes' : '/api/multipart/run/{id}/{fn}'
    return client.post(route, { ...common, body: form })
  }
  const route = bytes ? '/api/run/{id}/{fn}/bytes' : '/api/run/{id}/{fn}'
  if (input === undefined) return client.post(route, common)
  if (input.kind === 'url') {
    return client.post(route, {
      ...common,
      headers: { ...said, SSVM_Fetch: specValue(input.text) },
    })
  }
  const headers = { ...said, 'content-type': contentType(input) }
  return client.post(route, { ...common, body: partValue(input), headers })
}

export function curlOf({ id, name, inputs, bytes, more }: Call): string {
  const many = inputs.length > 1
  const route = `/api/${many ? 'multipart/run' : 'run'}/${id}/${encodeURIComponent(name)}`
  const words: Word[] = headersOf(more).flatMap(([header, value]) => ['-H', `${header}: ${value}`])
  if (many) inputs.forEach((one, at) => words.push(...partWords(one, at)))
  else if (inputs[0] !== undefined) words.push(...bodyWords(inputs[0]))
  if (bytes) words.push('-o', 'result')
  const line = more.usageKey.trim() === '' ? curl : callerCurl
  return line('POST', route + (bytes ? '/bytes' : ''), ...words)
}

function bodyWords(input: Input): Word[] {
  if (input.kind === 'url') return ['-H', `SSVM_Fetch: ${specValue(input.text)}`]
  const type = ['-H', `Content-Type: ${contentType(input)}`]
  if (input.kind === 'file') return [...type, '--data-binary', `@${input.file?.name ?? 'FILE'}`]
  return [...type, '--data-raw', input.text]
}

/** --form-string, since -F reads `@`, `<` and `;` in a value. */
function partWords(input: Input, at: number): Word[] {
  const name = partName(input, at)
  if (input.kind !== 'file') return ['--form-string', `${name}=${input.text}`]
  return ['-F', `${name}=@${input.file?.name ?? 'FILE'}`]
}

function partName({ kind }: Input, at: number): string {
  return kind === 'url' ? `fetch_input_${at + 1}` : `input_${at + 1}`
}

function partValue({ kind, text, file }: Input): Blob {
  if (kind === 'file' && file !== undefined) return file
  // As bytes: the line ends of a text would be written anew in a form.
  return new Blob([kind === 'url' ? text.trim() : text])
}

function contentType({ kind }: Input): string {
  if (kind === 'json') return 'application/json'
  return kind === 'file' ? 'application/octet-stream' : 'text/plain'
}

/** In a header: ASCII only, which URLs are once written out, and JSON can be. */
function specValue(text: string): string {
  const trimmed = text.trim()
  if (!isOptions(trimmed)) return URL.canParse(trimmed) ? new URL(trimmed).href : trimmed
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(parse(trimmed)).replace(/[^\x20-\x7e]/g, escaped)
}

function isOptions(text: string): boolean {
  return text.trim().startsWith('{') && parse(text) !== undefined
}

function parse(text: string): unknown {
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
}
