// The few requests that most tests begin with.
import assert from 'node:assert/strict'
import type { TestApp } from './build-app.ts'

export interface Uploaded {
  id: number
  adminKey: string
  usageKey: string
  answer: Record<string, unknown>
}

/** What requests are sent with: an app, or a server in another process. */
export type Caller = Pick<TestApp, 'request'>

export async function upload(
  app: Caller,
  wasm: Buffer,
  headers: Record<string, string> = {},
): Promise<Uploaded> {
  const response = await app.request('/api/executables', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body: wasm,
  })
  const answer = (await response.json()) as Record<string, unknown>
  assert.equal(response.status, 200, JSON.stringify(answer))
  return {
    id: answer.wasm_id as number,
    adminKey: answer.SSVM_Admin_Key as string,
    usageKey: answer.SSVM_Usage_Key as string,
    answer,
  }
}

export interface CallInit {
  headers?: Record<string, string>
  body?: string | Buffer
  bytes?: boolean
}

/** POST /api/run; text/plain where there is a body and nothing else is said. */
export function call(
  app: Caller,
  executable: number | Pick<Uploaded, 'id'>,
  fn: string,
  { headers = {}, body, bytes = false }: CallInit = {},
): Promise<Response> {
  const id = typeof executable === 'number' ? executable : executable.id
  return app.request(`/api/run/${id}/${fn}${bytes ? '/bytes' : ''}`, {
    method: 'POST',
    headers: body === undefined ? headers : { 'content-type': 'text/plain', ...headers },
    ...(body === undefined ? {} : { body }),
  })
}

export interface ErrorAnswer extends Record<string, unknown> {
  error: string
  code: string
}

/** Asserts a failure's status and code, and answers its body. */
export async function refused(
  response: Response,
  status: number,
  code: string,
): Promise<ErrorAnswer> {
  const text = await response.text()
  assert.equal(response.status, status, text)
  const answer = JSON.parse(text) as ErrorAnswer
  assert.equal(answer.code, code, text)
  assert.equal(typeof answer.error, 'string')
  return answer
}

export function admin(executable: Uploaded): Record<string, string> {
  return { SSVM_Admin_Key: executable.adminKey }
}
