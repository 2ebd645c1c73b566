// The one client of this page, and who asks.
import { createClient } from '../../packages/client/src/client.ts'
import { WasmhookError } from '../../packages/client/src/error.ts'
import { parseDeep } from './json-text.ts'
import { session } from './session.ts'

/** Where the API is: beside the console, also under a proxy's path. */
export const ROOT = new URL('.', location.href.replace(/[?#].*$/, '')).href.replace(/\/$/, '')

export const client = createClient({ baseUrl: ROOT, parse: parseDeep })

export interface Keys {
  token?: string
  adminKey?: string
}

/** Nothing else is sent as a token or a key: a header holds no other letters. */
export function mayBeKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

/** For a request about the executable, or about none. */
export function keys(id?: number): Keys {
  const token = session.token()
  const adminKey = id === undefined ? undefined : session.adminKey(id)
  return {
    ...(token === undefined ? {} : { token }),
    ...(adminKey === undefined ? {} : { adminKey }),
  }
}

/** Whose the token is; the operator's tenant is null. */
export function whoAmI(signal?: AbortSignal) {
  return client.get('/api/token', { ...keys(), signal })
}

/** For what its path does not say whose it is: the server names the executable whose key it needs, which this tab may have. */
export async function asOwner<T>(ask: (keys: Keys) => Promise<T>): Promise<T> {
  try {
    return await ask(keys())
  } catch (error) {
    const id = keyAskedFor(error)
    if (id === undefined || session.adminKey(id) === undefined) throw error
    return ask(keys(id))
  }
}

/** The executable whose admin key would have done. */
export function keyAskedFor(error: unknown): number | undefined {
  if (!(error instanceof WasmhookError)) return undefined
  const { wasm_id: id } = error.detail
  return ['MISSING_KEY', 'WRONG_KEY'].includes(error.code) && typeof id === 'number'
    ? id
    : undefined
}

/** Whether the key that this tab has of a function opens what its owner sees: some of it is shown to nobody else. */
export async function adminKeyOpens(id: number): Promise<boolean> {
  const about = await client.get('/api/executables/{id}', { path: { id }, ...keys(id) })
  return (about as { limits?: unknown }).limits !== undefined
}
