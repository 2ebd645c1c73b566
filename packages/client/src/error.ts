// What a request fails with.
import type { KnownErrorCode } from './generated/api.ts'

/** A stable code of docs/errors.md; a newer server may know more of them. */
export type ErrorCode = KnownErrorCode | (string & {})

/** Of an answer that is not the server's own: a proxy's, or no JSON where JSON was asked for. */
export const UNEXPECTED_ANSWER = 'UNEXPECTED_ANSWER'

/** What of a strange answer is kept. */
const EXCERPT_CHARS = 1000

/**
 * The server refused a request, or answered it otherwise than asked for. Branch on `code`; `message` is a
 * sentence for people and may change.
 */
export class WasmhookError extends Error {
  override readonly name = 'WasmhookError'
  /** As `POST /api/messages`. */
  readonly request: string
  /** Of the answer. */
  readonly status: number
  /** The server's code, or `UNEXPECTED_ANSWER` where the answer is not the server's own. */
  readonly code: ErrorCode
  /** What else the answer says, as `run_id`, `field` or `delivery_id`; for `UNEXPECTED_ANSWER` its `body`. */
  readonly detail: Readonly<Record<string, unknown>>
  /** Of the answer, as `Retry-After` and `Wasmhook-Run`. */
  readonly headers: Headers

  constructor(
    message: string,
    {
      request,
      response,
      code,
      detail,
      cause,
    }: {
      request: string
      response: Response
      code: ErrorCode
      detail: Readonly<Record<string, unknown>>
      cause?: unknown
    },
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.request = request
    this.status = response.status
    this.code = code
    this.detail = detail
    this.headers = response.headers
  }
}

/** The error that an answer stands for which is no success. */
export async function toError(request: string, response: Response): Promise<WasmhookError> {
  const redirected = isRedirect(response)
  const text = redirected ? '' : await response.text()
  const told = readObject(text)
  if (told !== undefined) {
    const { error, code, ...detail } = told
    if (typeof error === 'string' && typeof code === 'string') {
      return new WasmhookError(error, { request, response, code, detail })
    }
  }
  const where = response.headers.get('location')
  const message = redirected
    ? `${request} was answered with a redirect${where === null ? '' : ` to ${where}`}, which is not followed: check baseUrl.`
    : `${request} was answered with status ${response.status}.`
  return unexpected(message, request, response, told ?? { body: text.slice(0, EXCERPT_CHARS) })
}

/** Of a success that is not the JSON that was asked for, with what its reader threw. */
export function notJson(
  request: string,
  response: Response,
  { text, cause }: { text: string; cause: unknown },
): WasmhookError {
  const message = `The answer to ${request} is not JSON: say what to read it as, be it \`as: 'text'\`, 'bytes' or 'response'.`
  const detail = { body: text.slice(0, EXCERPT_CHARS) }
  return new WasmhookError(message, { request, response, code: UNEXPECTED_ANSWER, detail, cause })
}

/** Of a success that no server of ours gives. */
export function unexpected(
  message: string,
  request: string,
  response: Response,
  detail: Readonly<Record<string, unknown>> = {},
): WasmhookError {
  return new WasmhookError(message, { request, response, code: UNEXPECTED_ANSWER, detail })
}

/** Browsers tell nothing of a redirect but that it was one. */
function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400)
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
