// Functions that a request names which is not about their executable: a key that it carries must open that.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Executables } from '../core/executables.ts'
import { AppError } from '../errors.ts'
import type { Executable, FunctionRef } from '../model.ts'
import type { KeyGuard } from './key-guard.ts'
import { toExecutableId } from './wire.ts'

const FUNCTION_CHARS_MAX = 256

export const NAMED_FUNCTION = {
  wasm_id: Type.Integer({ minimum: 1 }),
  name: Type.String({ minLength: 1, maxLength: FUNCTION_CHARS_MAX }),
}
export const NamedFunction = Type.Object(NAMED_FUNCTION, {
  additionalProperties: false,
  description: 'Needs a key of that executable, or API_TOKEN, unless it is open',
})

/** @throws AppError NOT_FOUND, UNKNOWN_FUNCTION, MISSING_KEY, WRONG_KEY, whose detail names the `field` */
export async function readNamedFunction(
  request: FastifyRequest,
  { wasm_id: wasmId, name }: Static<typeof NamedFunction>,
  field: string,
  { executables, keyGuard }: { executables: Pick<Executables, 'find'>; keyGuard: KeyGuard },
): Promise<FunctionRef> {
  try {
    const executable = await executables.find(toExecutableId(String(wasmId)))
    const grant = keyGuard.grantOf(request, executable)
    if (!hasFunction(executable, name)) throw new AppError('UNKNOWN_FUNCTION')
    return { executableId: executable.id, functionName: name, grant }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError(error.code, error.message, { detail: { ...error.detail, field } })
  }
}

export function showFunction({ executableId, functionName }: FunctionRef) {
  return { wasm_id: executableId, name: functionName }
}

/** A command takes any name. */
function hasFunction({ version }: Executable, name: string): boolean {
  const { kind, functions } = version.interface
  return kind === 'wasi-command' || functions.some((one) => one.name === name)
}
