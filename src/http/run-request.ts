// What a run route's request asks for: its inputs and its callback. `/bytes` and multipart differ here only.
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { cutJsonMembers } from '../core/json-members.ts'
import { AppError } from '../errors.ts'
import type { Callback, Input } from '../model.ts'
import { boundaryOf, splitMultipart } from './multipart.ts'
import type { Part } from './multipart.ts'
import { toCallback, toFetch, toText, wireHeader } from './wire.ts'

export interface CallRequest {
  inputs: Input[]
  callback: Callback
  warnings: string[]
}

/** Body and headers of /api/run: the body is the one argument, unless SSVM_Fetch says otherwise. */
export function readRunRequest(
  headers: IncomingHttpHeaders,
  body: Buffer | undefined,
  searchBytesMax: number,
): CallRequest {
  // Larger bodies are taken as they are: parsing them would hold up everybody else (decision 0009).
  const searched = body !== undefined && body.length <= searchBytesMax
  const cut = searched ? cutWireMembers(headers['content-type'], body) : undefined
  const fetchFrom = wireHeader(headers, 'SSVM_Fetch') ?? cut?.values.get('SSVM_Fetch')
  const callback = toCallback(
    wireHeader(headers, 'SSVM_Callback') ?? cut?.values.get('SSVM_Callback'),
  )
  if (fetchFrom !== undefined) {
    const fetched = toFetch(fetchFrom)
    return {
      inputs: [{ kind: 'fetch', spec: fetched.value }],
      callback: callback.value,
      warnings: [...fetched.warnings, ...callback.warnings],
    }
  }
  const bytes = cut === undefined ? body : Buffer.from(cut.rest)
  return {
    inputs: bytes === undefined ? [] : [{ kind: 'bytes', bytes }],
    callback: callback.value,
    warnings: callback.warnings,
  }
}

function cutWireMembers(contentType: string | undefined, body: Buffer) {
  if (contentType?.toLowerCase().startsWith('application/octet-stream') === true) return undefined
  if (!body.includes('SSVM_') && !body.includes('\\u')) return undefined
  // What is no UTF-8 is no JSON, and decoding it would change its bytes.
  if (!isUtf8(body)) return undefined
  return cutJsonMembers(body.toString('utf8'), ['SSVM_Fetch', 'SSVM_Callback'])
}

/** Parts of /api/multipart/run: `…_N` is argument N, fetched where the name begins with `fetch`. */
export function readMultipartRequest(
  headers: IncomingHttpHeaders,
  body: Buffer | undefined,
  inputsMax: number,
): CallRequest {
  if (wireHeader(headers, 'SSVM_Fetch') !== undefined) {
    throw new AppError(
      'BAD_REQUEST',
      'In a multipart call use a fetch_input_N part, not SSVM_Fetch.',
    )
  }
  const boundary = boundaryOf(headers['content-type'])
  const parts = splitMultipart(body ?? Buffer.alloc(0), boundary, inputsMax + 1)
  const numbered = new Map<number, Input>()
  const warnings: string[] = []
  let inPart: string | undefined
  for (const part of parts) {
    if (part.name === 'SSVM_Callback') {
      if (inPart !== undefined) throw duplicate(part)
      inPart = toText(part.bytes, 'SSVM_Callback part')
      continue
    }
    const number = argumentNumber(part)
    if (numbered.has(number)) throw duplicate(part)
    const { input, warned } = toInput(part)
    numbered.set(number, input)
    warnings.push(...warned)
  }
  const callback = toCallback(wireHeader(headers, 'SSVM_Callback') ?? inPart)
  return {
    inputs: inOrder(numbered, inputsMax),
    callback: callback.value,
    warnings: [...warnings, ...callback.warnings],
  }
}

function argumentNumber(part: Part): number {
  const digits = /_(\d+)$/.exec(part.name)?.[1]
  const number = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(number)) {
    throw new AppError(
      'UNKNOWN_PART',
      `The part ${JSON.stringify(part.name)} is neither an argument (a name ending in _N) nor SSVM_Callback.`,
      { detail: { part: part.name } },
    )
  }
  return number
}

function toInput(part: Part): { input: Input; warned: string[] } {
  if (!part.name.startsWith('fetch'))
    return { input: { kind: 'bytes', bytes: part.bytes }, warned: [] }
  const { value, warnings } = toFetch(toText(part.bytes, `${part.name} part`).trim())
  return { input: { kind: 'fetch', spec: value }, warned: warnings }
}

function duplicate(part: Part): AppError {
  return new AppError(
    'DUPLICATE_PART',
    `The part ${JSON.stringify(part.name)} says its number twice.`,
    {
      detail: { part: part.name },
    },
  )
}

/** Ordered by number: input_10 comes after input_2. */
function inOrder(numbered: ReadonlyMap<number, Input>, inputsMax: number): Input[] {
  if (numbered.size > inputsMax) {
    throw new AppError('BAD_REQUEST', `There are more than ${inputsMax} inputs.`)
  }
  return Array.from({ length: numbered.size }, (_, index) => {
    const input = numbered.get(index + 1)
    if (input !== undefined) return input
    throw new AppError(
      'MISSING_PART',
      `Argument ${index + 1} is missing: number the parts from 1 without a gap.`,
      { detail: { missing: index + 1 } },
    )
  })
}
