// The server as a whole, as it tells of itself.
import { client, keys } from '../client.ts'

export function readSystem(signal?: AbortSignal) {
  return client.get('/api/system', { ...keys(), signal })
}

export type System = Awaited<ReturnType<typeof readSystem>>
