// Calls by inputs, whatever their number, and the settings that a function's owner makes.
import assert from 'node:assert/strict'
import type { TestApp } from './build-app.ts'
import { admin, call } from './client.ts'
import type { Caller, Uploaded } from './client.ts'

export type Inputs = readonly (string | Buffer)[]

/** None: no body. One: the body of /api/run. More: the parts of /api/multipart/run. */
export function callWith(
  app: Caller,
  one: Pick<Uploaded, 'id'>,
  fn: string,
  inputs: Inputs,
  { bytes = false } = {},
): Promise<Response> {
  const [first] = inputs
  if (first === undefined) return call(app, one, fn, { bytes })
  if (inputs.length === 1) {
    const headers = { 'content-type': 'application/octet-stream' }
    return call(app, one, fn, { body: first, headers, bytes })
  }
  const form = new FormData()
  for (const [index, input] of inputs.entries()) {
    form.append(`input_${index + 1}`, new Blob([input]))
  }
  const path = `/api/multipart/run/${one.id}/${fn}${bytes ? '/bytes' : ''}`
  return app.request(path, { method: 'POST', body: form })
}

/** The text that a call must answer with. */
export async function textOf(
  app: Caller,
  one: Pick<Uploaded, 'id'>,
  fn: string,
  inputs: Inputs = [],
): Promise<string> {
  const response = await callWith(app, one, fn, inputs)
  const text = await response.text()
  assert.equal(response.status, 200, `${fn}(${inputs.join()}): ${text}`)
  return text
}

/** Sets types, variables, limits (JSON) or the state (text) with the admin key. */
export async function configure(
  app: TestApp,
  one: Uploaded,
  what: 'types' | 'variables' | 'limits' | 'state',
  value: unknown,
): Promise<void> {
  const response = await app.request(
    what === 'state' ? `/api/state/${one.id}` : `/api/executables/${one.id}/${what}`,
    {
      method: 'PUT',
      headers: {
        ...admin(one),
        'content-type': what === 'state' ? 'text/plain' : 'application/json',
      },
      body: what === 'state' ? String(value) : JSON.stringify(value),
    },
  )
  assert.equal(response.status, 200, await response.text())
}
