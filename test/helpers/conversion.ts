// Converting one body, and what refuses it.
import assert from 'node:assert/strict'
import { convertBody } from '../../src/core/conversion/convert.ts'
import type { ConvertedBody } from '../../src/core/conversion/convert.ts'
import { AppError } from '../../src/errors.ts'
import type { SourceFormat } from '../../src/source-model.ts'

/** @param type the Content-Type */
export function converted(
  type: string | undefined,
  body: string | Buffer,
  format: SourceFormat = 'auto',
): ConvertedBody {
  const headers = type === undefined ? {} : { 'content-type': type }
  return convertBody(format, { headers, body: Buffer.from(body as string) })
}

export function refusalOf(action: () => unknown): AppError {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return error
  }
  assert.fail('It was taken.')
}
