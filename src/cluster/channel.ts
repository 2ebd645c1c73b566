// Calls between two processes, over a pipe that carries plain data: a method's name and arguments go, its result
// or its error comes back. What one turn of the event loop says goes as one message, in the order it was said.
import { AppError } from '../errors.ts'
import type { ErrorCode, ErrorDetail } from '../errors.ts'
import { packErrors, unpackErrors } from './carried-errors.ts'

/** Another process's methods as they are called from here. */
export type Remote<Methods> = {
  readonly [M in keyof Methods]: Methods[M] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never
}

/** What goes over the pipe; results and arguments are what structured cloning can carry, and errors of ours. */
export type Item =
  | { kind: 'call'; id: number; method: string; args: unknown[] }
  | { kind: 'result'; id: number; value: unknown }
  | { kind: 'error'; id: number; error: SentError }

interface SentError {
  code: ErrorCode
  message: string
  detail: ErrorDetail
  /** The stack of what caused it, for the log. */
  cause: string | undefined
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: AppError): void
}

export interface Channel<Theirs> {
  /** Rejects with the error of the other side, and CLOSED where that is gone. */
  readonly theirs: Remote<Theirs>
  /** Takes what came over the pipe. */
  receive(items: readonly Item[]): void
  /** The other side is gone. */
  close(): void
}

/**
 * @param send puts a message into the pipe; it throws where that cannot be carried
 * @param ours what the other side may call
 */
export function createChannel<Theirs extends object>(
  send: (items: readonly Item[]) => void,
  ours: object,
): Channel<Theirs> {
  const waiting = new Map<number, Waiting>()
  let outgoing: Item[] = []
  let lastId = 0
  let closed = false

  function post(item: Item): void {
    if (outgoing.push(item) === 1) setImmediate(flush)
  }

  function flush(): void {
    const items = outgoing
    outgoing = []
    transmit(items)
  }

  /** What cannot be carried fails alone, and nothing beside it. */
  function transmit(items: readonly Item[]): void {
    if (closed) return
    try {
      send(items)
    } catch (error) {
      const [first] = items
      if (items.length > 1) for (const item of items) transmit([item])
      else if (first !== undefined) notSent(first, error)
    }
  }

  function notSent(item: Item, cause: unknown): void {
    const error = new AppError('INTERNAL', undefined, { cause })
    if (item.kind === 'call') settled(item.id)?.reject(error)
    else if (item.kind === 'result')
      transmit([{ kind: 'error', id: item.id, error: toSent(error) }])
  }

  function settled(id: number): Waiting | undefined {
    const call = waiting.get(id)
    waiting.delete(id)
    return call
  }

  function call(method: string, args: unknown[]): Promise<unknown> {
    if (closed) return Promise.reject(new AppError('CLOSED'))
    return new Promise((resolve, reject) => {
      const id = ++lastId
      waiting.set(id, { resolve, reject })
      post({ kind: 'call', id, method, args: packErrors(args) as unknown[] })
    })
  }

  async function perform({ id, method, args }: Item & { kind: 'call' }): Promise<void> {
    try {
      const own = (ours as Record<string, (...args: unknown[]) => unknown>)[method]
      if (own === undefined) throw new Error(`There is no method ${method} here.`)
      const result = await own(...(unpackErrors(args) as unknown[]))
      post({ kind: 'result', id, value: packErrors(result) })
    } catch (error) {
      post({ kind: 'error', id, error: toSent(error) })
    }
  }

  return {
    theirs: new Proxy({} as Remote<Theirs>, {
      get:
        (_target, method) =>
        (...args: unknown[]) =>
          call(String(method), args),
    }),
    receive(items) {
      for (const item of items) {
        if (item.kind === 'call') void perform(item)
        else if (item.kind === 'result') settled(item.id)?.resolve(unpackErrors(item.value))
        else settled(item.id)?.reject(toError(item.error))
      }
    },
    close() {
      closed = true
      for (const call of waiting.values()) call.reject(new AppError('CLOSED'))
      waiting.clear()
    },
  }
}

function toSent(error: unknown): SentError {
  const known =
    error instanceof AppError ? error : new AppError('INTERNAL', undefined, { cause: error })
  const { code, message, detail, cause } = known
  return { code, message, detail, cause: cause instanceof Error ? cause.stack : undefined }
}

function toError({ code, message, detail, cause }: SentError): AppError {
  return new AppError(code, message, cause === undefined ? { detail } : { detail, cause })
}
