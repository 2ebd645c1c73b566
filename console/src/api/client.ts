// The one client of this page, and who asks.
import { createClient } from '../../../packages/client/src/client.ts'
import { session } from '../session.ts'

/** Where the API is: beside the console, also under a proxy's path. */
export const ROOT = new URL('.', location.href.replace(/[?#].*$/, '')).href.replace(/\/$/, '')

export const client = createClient({ baseUrl: ROOT })

/** For a request about the executable, or about none. */
export function keys(id?: number): { token?: string; adminKey?: string } {
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
