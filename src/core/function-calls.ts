// Functions that endpoints name, called by the worker that sends: their runs are recorded as any others, and what they
// come to is told in plain data, since the worker may be in another process.
import { isUtf8 } from 'node:buffer'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Executable, FunctionRef } from '../model.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Executables } from './executables.ts'
import { isGranted } from './grants.ts'
import { HangUp } from './hang-up.ts'
import { hashKey } from './keys.ts'
import { newRunId } from './run-id.ts'
import type { Runner } from './runner.ts'

export interface FunctionCall {
  ref: FunctionRef
  input: Buffer
  /** Runs that it passed through before. */
  hops: number
  /** True: the result goes on to the callback that it or its executable names; false: it comes back as it is. */
  callback: boolean
  /** The delivery that goes to it; absent where it is tried out. */
  deliveryId?: string | undefined
}

const TEXT_TYPE = 'text/plain; charset=utf-8'

export type FunctionOutcome =
  | { kind: 'returned'; runId: string; status: number; type: string; bytes: Buffer }
  | { kind: 'failed'; runId: string | null; status: number; code: string; message: string }
  /** It cannot be run now; nothing was done. */
  | { kind: 'no_room' }
  | { kind: 'refused'; reason: 'executable_deleted' | 'grant_ended' }

/** Never throws. */
export type CallFunction = (call: FunctionCall) => Promise<FunctionOutcome>

export interface FunctionCallsDeps {
  executables: Pick<Executables, 'find'>
  runner: Pick<Runner, 'run'>
  budget: ByteBudget
  config: Pick<Config, 'API_TOKEN'>
}

export function createFunctionCalls(deps: FunctionCallsDeps): CallFunction {
  const { executables, runner, budget, config } = deps
  const tokenHash = hashKey(config.API_TOKEN)

  async function run(executable: Executable, call: FunctionCall): Promise<FunctionOutcome> {
    const { ref, input, hops, callback, deliveryId } = call
    const runId = newRunId()
    const lease = budget.lease()
    try {
      lease.take(input.length)
      const answer = await runner.run({
        id: runId,
        executable,
        functionName: ref.functionName,
        inputs: [{ kind: 'bytes', bytes: input }],
        callback: callback ? undefined : 'none',
        asData: !callback,
        text: !isCommand(executable) && asksForText(executable, ref.functionName),
        ...(deliveryId === undefined ? {} : { cause: { kind: 'delivery', deliveryId } }),
        hops,
        vouched: false,
        lease,
        hangUp: new HangUp(),
      })
      const { status, body: bytes } = answer
      // What a command writes is text as long as it can be.
      const isText = isCommand(executable) && isUtf8(bytes)
      return { kind: 'returned', runId, status, type: isText ? TEXT_TYPE : answer.type, bytes }
    } catch (error) {
      return toOutcome(error, runId)
    } finally {
      lease.release()
    }
  }

  return async (call) => {
    try {
      const executable = await executables.find(call.ref.executableId)
      if (!isGranted(executable, call.ref.grant, tokenHash)) {
        return { kind: 'refused', reason: 'grant_ended' }
      }
      return await run(executable, call)
    } catch (error) {
      const isGone = error instanceof AppError && error.code === 'NOT_FOUND'
      return isGone ? { kind: 'refused', reason: 'executable_deleted' } : toOutcome(error, null)
    }
  }
}

function toOutcome(error: unknown, runId: string | null): FunctionOutcome {
  const { code, status, message, detail } =
    error instanceof AppError ? error : new AppError('INTERNAL', undefined, { cause: error })
  // The queue or the buffers are full, storage is away or the server stops: nothing began.
  if (status === 503 && code !== 'STORAGE_UNKNOWN') return { kind: 'no_room' }
  // What the callback's target did not take goes on as a delivery of its own.
  if (detail.delivery_id !== undefined && runId !== null) {
    return { kind: 'returned', runId, status: 202, type: 'text/plain', bytes: Buffer.alloc(0) }
  }
  return { kind: 'failed', runId, status, code, message }
}

function isCommand({ version }: Executable): boolean {
  return version.interface.kind === 'wasi-command'
}

/** False where it is declared or described that the function returns bytes. */
export function asksForText({ types, version }: Executable, name: string): boolean {
  const { functions } = version.interface
  const described = functions.find((one) => one.name === name)?.result
  return !(types[name]?.result ?? described ?? '').includes('bytes')
}
