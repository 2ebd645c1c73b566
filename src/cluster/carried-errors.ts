// Errors of ours within what goes over a pipe, such as an answer that is kept: copying would leave them without
// their codes. They go as plain errors, which nobody's data can be, with all that they say as their message.
import { AppError } from '../errors.ts'
import type { ErrorCode, ErrorDetail } from '../errors.ts'

interface Said {
  code: ErrorCode
  message: string
  detail: ErrorDetail
}

export function packErrors(value: unknown): unknown {
  return mapErrors(value, (error) => {
    if (!(error instanceof AppError)) return error
    const { code, message, detail } = error
    return new Error(JSON.stringify({ code, message, detail } satisfies Said))
  })
}

export function unpackErrors(value: unknown): unknown {
  return mapErrors(value, ({ message: text }) => {
    const { code, message, detail } = JSON.parse(text) as Said
    return new AppError(code, message, { detail })
  })
}

/** The value itself where it holds no error. */
function mapErrors(value: unknown, map: (error: Error) => Error): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return map(value)
  if (Array.isArray(value)) {
    const mapped = value.map((item) => mapErrors(item, map))
    return mapped.some((item, at) => item !== value[at]) ? mapped : value
  }
  // Bytes, maps and the like hold none.
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  let copy: Record<string, unknown> | undefined
  for (const [name, member] of Object.entries(value)) {
    const mapped = mapErrors(member, map)
    if (mapped !== member) (copy ??= { ...value })[name] = mapped
  }
  return copy ?? value
}
