// A call as its form says it: the request, and the curl line that makes the same one.
import { ROOT, client, keys } from './api/client.ts'
import type { Export } from './api/functions.ts'
import { line, tokenWords } from './curl.ts'
import type { Word } from './curl.ts'
import { session } from './session.ts'

export const INPUT_KINDS = ['text', 'json', 'file', 'url'] as const
export type InputKind = (typeof INPUT_KINDS)[number]

export interface Input {
  kind: InputKind
  /** Of text and JSON the argument; of a URL the address, or HTTP options as JSON. */
  text: string
  file: File | undefined
}

export const NO_INPUT: Input = { kind: 'text', text: '', file: undefined }

export interface Call {
  id: number
  name: string
  inputs: readonly Input[]
  /** The function returns bytes. */
  bytes: boolean
}

export interface Answer {
  body: Blob
  type: string
  runId: string | undefined
  ms: number
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
  if (input.kind === 'url' && !URL.canParse(input.text.trim()) && !isOptions(input.text)) {
    return 'Give a URL that begins with http:// or https://, or HTTP options as JSON.'
  }
  return undefined
}

export async function send(call: Call, signal: AbortSignal): Promise<Answer> {
  const begun = performance.now()
  const response = await request(call, signal)
  const body = await response.blob()
  return {
    body,
    type: response.headers.get('content-type') ?? '',
    runId: response.headers.get('wasmhook-run') ?? undefined,
    ms: performance.now() - begun,
  }
}

async function request({ id, name, inputs, bytes }: Call, signal: AbortSignal): Promise<Response> {
  const path = { id, fn: name }
  const common = { path, as: 'response', ...keys(id), signal } as const
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
    return client.post(route, { ...common, headers: { SSVM_Fetch: fetchValue(input.text) } })
  }
  const headers = { 'content-type': contentType(input) }
  return client.post(route, { ...common, body: partValue(input), headers })
}

export function curlOf({ id, name, inputs, bytes }: Call): string {
  const many = inputs.length > 1
  const route = `${ROOT}/api/${many ? 'multipart/run' : 'run'}/${id}/${encodeURIComponent(name)}`
  const words: Word[] = [{ raw: 'curl' }, '-X', 'POST', route + (bytes ? '/bytes' : '')]
  words.push(...tokenWords(session.token()))
  if (many) inputs.forEach((one, at) => words.push(...partWords(one, at)))
  else if (inputs[0] !== undefined) words.push(...bodyWords(inputs[0]))
  if (bytes) words.push('-o', 'result')
  return line(words)
}

function bodyWords(input: Input): Word[] {
  if (input.kind === 'url') return ['-H', `SSVM_Fetch: ${fetchValue(input.text)}`]
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

function partValue({ kind, text, file }: Input): string | File {
  if (kind === 'file' && file !== undefined) return file
  return kind === 'url' ? text.trim() : text
}

function contentType({ kind }: Input): string {
  if (kind === 'json') return 'application/json'
  return kind === 'file' ? 'application/octet-stream' : 'text/plain'
}

/** In a header: ASCII only, which URLs are once written out, and JSON can be. */
function fetchValue(text: string): string {
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
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
