// A run from its request to its answer: inputs, sandbox, callback. Reads like a table of contents.
import { AppError } from '../errors.ts'
import type { Callback, Executable, Input, RunAnswer, RunCause, RunRecord } from '../model.ts'
import { originOf, parseRequestSpec } from '../request-spec.ts'
import type { ParsedSpec, SpecPurpose } from '../request-spec.ts'
import { checkLater } from '../send-later.ts'
import type { InvocationResult, ModuleRef, Profile, Sandbox } from '../sandbox/sandbox.ts'
import type { MadeDelivery } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import type { Deliveries } from './deliveries.ts'
import { splitEmbeddedCallback } from './embedded-callback.ts'
import type { Executables } from './executables.ts'
import type { ForwardOptions, Forwarder } from './forwarder.ts'
import type { FunctionStorage } from './function-storage.ts'
import type { HangUp } from './hang-up.ts'
import { checkHops } from './hops.ts'
import type { Interrupts } from './interrupts.ts'
import { checkInputSize } from './inputs.ts'
import type { Inputs } from './inputs.ts'
import type { Limits } from './limits.ts'
import type { TargetCheck } from './target-check.ts'
import { resultType } from './result-type.ts'
import { inputOrigins, newRecord, note } from './run-record.ts'
import type { RunJournal } from './run-journal.ts'
import { signatureWarnings } from './signing.ts'

export interface RunRequest {
  /** From newRunId() (run-id.ts); known before the run so that every answer can carry it. */
  id: string
  executable: Executable
  functionName: string
  inputs: readonly Input[]
  callback: Callback
  /** True: a callback in the result is data as all else of it. */
  asData?: boolean
  /** True: the result is text; false: bytes. */
  text: boolean
  /** JSON: of a source's run, the request that it got, for the function to see; absent of others. */
  webhook?: string | undefined
  /** Absent of calls. */
  cause?: RunCause
  /** How many runs this call has passed through before. */
  hops: number
  /** True where the call carries the admin key or the token: the callback that it names is signed. */
  vouched: boolean
  /** The bytes this request holds of the server-wide budget. */
  lease: ByteLease
  /**
   * The caller's hanging up ends a run that has not begun, unless the result goes elsewhere; an interrupt ends
   * any.
   */
  hangUp: HangUp
}

export interface RunnerDeps {
  executables: Executables
  inputs: Inputs
  sandbox: Sandbox
  /** Calls the functions that keep something. */
  functionStorage: FunctionStorage
  forwarder: Forwarder
  deliveries: Pick<Deliveries, 'create'>
  journal: RunJournal
  interrupts: Interrupts
  limits: Limits
  checkTarget: TargetCheck
  /** Larger results are not searched for a callback. */
  jsonSearchBytes: number
  /** The furthest that a callback may be put off. */
  laterMsMax: number
  now: () => number
}

interface Result {
  bytes: Buffer
  type: string
}

/** Where a result goes. */
interface Target extends ParsedSpec {
  /** True where it may be sent signatures. */
  signed: boolean
}

/** A result, and where it goes; undefined: back to the caller. */
interface Computed {
  result: Result
  target: Target | undefined
}

/** A durable run that has ended. */
export interface Ran {
  ended: RunRecord
  /** What whoever waits for it is answered. */
  outcome: { answer: RunAnswer } | { error: AppError }
  /** What is to be delivered, and where to. */
  parcel: { result: Result; target: Target } | undefined
  /** What goes on of a result that was forwarded; it is to be committed with the end. */
  delivery?: MadeDelivery | undefined
}

interface Callable {
  module: ModuleRef
  profile: Profile
}

export type Runner = ReturnType<typeof createRunner>

export function createRunner(deps: RunnerDeps) {
  const { executables, inputs, sandbox, functionStorage, forwarder, deliveries, journal } = deps
  const { interrupts, limits, checkTarget, jsonSearchBytes, laterMsMax, now } = deps
  const callables = new WeakMap<Executable, Callable>()

  /**
   * @throws AppError with `run_id` in its detail; the run is then recorded as failed. Without: INVALID_SPEC where
   *   the callback cannot be put off so long, ADDRESS_REFUSED where it may not be called; nothing is recorded.
   */
  async function run(request: RunRequest): Promise<RunAnswer> {
    checkLater(request.callback, { nowMs: now(), maxMs: laterMsMax })
    checkTarget(request.callback)
    const record = newRecord(request, now())
    const release = executables.hold(request.executable)
    journal.begin(record)
    interrupts.begin(record.id, request.hangUp)
    try {
      const { result, target } = await compute(request, record)
      const answer =
        target === undefined
          ? toAnswer(result)
          : await forward(request, record, target, { result, keep: deliveries.create })
      record.status = 'succeeded'
      return answer
    } catch (error) {
      throw failed(record, error)
    } finally {
      release()
      interrupts.end(record.id)
      record.endedAtMs = now()
      journal.end(record)
    }
  }

  /**
   * Runs what is committed already, whose record this is; never throws. What comes of it is for the caller to
   * store, and until then it can be interrupted.
   * @param waited whoever asked waits: the result is forwarded at once, not delivered
   */
  async function runDurable(request: RunRequest, record: RunRecord, waited: boolean): Promise<Ran> {
    const release = executables.hold(request.executable)
    journal.begin(record)
    let delivery: MadeDelivery | undefined
    const keep = (made: MadeDelivery): void => void (delivery = made)
    try {
      const { result, target } = await compute(request, record)
      if (waited) {
        const answer =
          target === undefined
            ? toAnswer(result)
            : await forward(request, record, target, { result, keep })
        const ended = { ...record, status: 'succeeded' as const, endedAtMs: now() }
        return { ended, outcome: { answer }, parcel: undefined, delivery }
      }
      const forwardedTo = target === undefined ? null : originOf(target.spec)
      const endedAtMs = now()
      const ended = { ...record, status: 'succeeded' as const, forwardedTo, result, endedAtMs }
      const parcel = target === undefined ? undefined : { result, target }
      return { ended, outcome: { answer: toAnswer(result) }, parcel }
    } catch (cause) {
      const ended = { ...record, endedAtMs: now() }
      return { ended, outcome: { error: failed(ended, cause) }, parcel: undefined, delivery }
    } finally {
      release()
    }
  }

  /** From inputs to a result and where it goes. */
  async function compute(request: RunRequest, record: RunRecord): Promise<Computed> {
    checkHops(request.hops)
    if (goesElsewhere(request)) request.hangUp.detach()
    const given = givenBytes(request.inputs)
    record.inputs = inputOrigins(request.inputs)
    const bytes = given ?? (await fetchInputs(request, record))
    record.inputBytes = sumOf(bytes)
    if (given !== undefined)
      checkInputSize(record.inputBytes, limits.of(request.executable).inputBytes)
    const invoked = await invoke(request, bytes)
    note(record, invoked)
    if (!invoked.outcome.ok) throw invoked.outcome.error
    if (request.hangUp.interrupted) throw new AppError('CANCELED')
    const { outcome } = invoked
    // What stored something took room for its result before it was committed.
    if (invoked.store.stored.length === 0) request.lease.take(outcome.bytes.length)
    const split =
      request.executable.embeddedCallback && request.asData !== true
        ? splitEmbeddedCallback(outcome.bytes, jsonSearchBytes)
        : { bytes: outcome.bytes, callback: undefined }
    record.outputBytes = split.bytes.length
    const result = { bytes: split.bytes, type: resultType(split.bytes, outcome) }
    const bounds = { nowMs: now(), maxMs: laterMsMax }
    const keepResult = (): void => void (record.result = result)
    const target = chooseTarget(request, split.callback, bounds, keepResult)
    try {
      checkTarget(target?.spec)
    } catch (error) {
      keepResult()
      throw error
    }
    return { result, target }
  }

  async function fetchInputs(request: RunRequest, record: RunRecord): Promise<Buffer[]> {
    const begun = performance.now()
    const { hops, lease, hangUp } = request
    try {
      const fetched = await inputs.resolve(request.inputs, {
        limitBytes: limits.of(request.executable).inputBytes,
        hops,
        lease,
        signal: hangUp.signal,
      })
      record.inputs = inputOrigins(request.inputs, fetched)
      return fetched
    } finally {
      record.timings.fetchUs = microsecondsSince(begun)
    }
  }

  function invoke(request: RunRequest, bytes: Buffer[]): Promise<InvocationResult> {
    const { executable, functionName, text, webhook, hangUp: leaving } = request
    const { module, profile } = callableOf(executable)
    const invocation = { module, profile, functionName, inputs: bytes, text, webhook, leaving }
    if (executable.version.interface.uses_storage !== true) return sandbox.invoke(invocation)
    const caller = { id: executable.id, limits: limits.of(executable), lease: request.lease }
    return functionStorage.invoke(invocation, caller)
  }

  /** An executable as the sandbox calls it: the same until one of its settings or versions changes. */
  function callableOf(executable: Executable): Callable {
    const known = callables.get(executable)
    if (known !== undefined) return known
    const module = executables.moduleOf(executable)
    const profile = sandbox.profile({
      group: executable.id,
      types: executable.types,
      state: executable.state,
      variables: {
        wasm_id: String(executable.id),
        storage_key: executable.storageKey,
        ...executable.variables,
      },
      reuse: executable.reuse,
      limits: limits.of(executable),
    })
    const callable = { module, profile }
    callables.set(executable, callable)
    return callable
  }

  async function forward(
    request: RunRequest,
    record: RunRecord,
    { spec, warnings, signed }: Target,
    { result, keep }: { result: Result; keep: ForwardOptions['keep'] },
  ): Promise<RunAnswer> {
    const begun = performance.now()
    record.status = 'forwarding'
    record.forwardedTo = originOf(spec)
    request.hangUp.detach()
    try {
      const answer = await forwarder.forward(spec, result, {
        runId: request.id,
        executable: request.executable,
        hops: request.hops,
        signed,
        answerBytes: limits.of(request.executable).outputBytes,
        onBytes: (bytes) => request.lease.take(bytes),
        keep,
        signal: request.hangUp.signal,
      })
      if (answer.postponed !== undefined) record.result = result
      return { ...answer, warnings }
    } catch (error) {
      record.result = result
      throw error
    } finally {
      record.timings.forwardUs = microsecondsSince(begun)
    }
  }

  return { run, runDurable }
}

function toAnswer({ bytes, type }: Result): RunAnswer {
  return { status: 200, type, body: bytes, warnings: [] }
}

/** The inputs of a call that fetches none. */
function givenBytes(inputs: readonly Input[]): Buffer[] | undefined {
  const bytes: Buffer[] = []
  for (const input of inputs) {
    if (input.kind === 'fetch') return undefined
    bytes.push(input.bytes)
  }
  return bytes
}

function sumOf(inputs: readonly Buffer[]): number {
  let sum = 0
  for (const input of inputs) sum += input.length
  return sum
}

/** True where somebody waits for the result even when the caller has left. */
function goesElsewhere({ callback, executable }: RunRequest): boolean {
  return callback === undefined ? executable.callback !== null : callback !== 'none'
}

/** The call's own callback wins over the result's, and that over the stored one; `{}` means none. */
function chooseTarget(
  request: RunRequest,
  embedded: unknown,
  bounds: Parameters<typeof checkLater>[1],
  keepResult: () => void,
): Target | undefined {
  const { callback, executable, vouched } = request
  if (callback === 'none') return undefined
  if (callback !== undefined) return { spec: callback, warnings: [], signed: vouched }
  if (embedded === undefined) {
    return executable.callback === null
      ? undefined
      : ownTarget(executable, executable.callback, 'stored callback')
  }
  try {
    const target = ownTarget(executable, embedded, 'callback')
    checkLater(target.spec, bounds)
    return target
  } catch (error) {
    // The function's fault, not the caller's, who would lose the result.
    keepResult()
    const { message, detail } = error as AppError
    throw new AppError('INVALID_CALLBACK', `The result's callback: ${message}`, { detail })
  }
}

/** One that the executable itself names. @throws AppError INVALID_SPEC, INVALID_JSON */
function ownTarget(
  { signingSecrets }: Executable,
  callback: unknown,
  purpose: SpecPurpose,
): Target {
  const { spec, warnings } = parseRequestSpec(callback, purpose)
  const signed = signingSecrets.length > 0 ? signatureWarnings(spec) : []
  return { spec, warnings: [...warnings, ...signed], signed: true }
}

function failed(record: RunRecord, error: unknown): AppError {
  const known =
    error instanceof AppError ? error : new AppError('INTERNAL', undefined, { cause: error })
  record.status = known.code === 'CANCELED' ? 'canceled' : 'failed'
  record.errorCode = known.code
  record.errorMessage = known.message
  const detail = { ...known.detail, run_id: record.id }
  return new AppError(known.code, known.message, { detail, cause: known.cause })
}

function microsecondsSince(begun: number): number {
  return Math.round((performance.now() - begun) * 1000)
}
