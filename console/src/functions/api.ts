// Functions and their versions, as the server tells of them.
import { createClient } from '../../../packages/client/src/client.ts'
import { session } from '../session.ts'
import { fetchWithProgress } from './upload-fetch.ts'
import { ROOT, client, keys } from '../client.ts'

/** An exported function, as far as its module tells. */
export interface Export {
  name: string
  unsupported?: string
  params: string[] | null
  result: string | null
  core_params: string[]
  core_results: string[]
}

/** What GET /api/executables/{id} shows; what the admin key opens may be missing. */
export interface Description {
  wasm_id: number
  wasm_description: string
  wasm_sha256: string
  version: number
  created_at: string
  kind: string
  functions: Export[]
  missing_imports: string[]
  warnings: string[]
  limits?: Record<string, number>
  variables?: string[]
  types?: Record<string, unknown>
  embedded_callback?: 'on' | 'off'
  reuse?: boolean
  metered?: boolean
  /** With what is secret of it masked. */
  wasm_callback_object?: unknown
}

/** What the admin key opens is shown to whoever sent it, or API_TOKEN. */
export function mayAdminister({ limits }: Description): boolean {
  return limits !== undefined
}

/** All executables with what came of the last hour, newest first. */
export function listFunctions(cursor?: string, signal?: AbortSignal) {
  return client.get('/api/functions', { query: { cursor }, ...keys(), signal })
}

export type FunctionItem = Awaited<ReturnType<typeof listFunctions>>['items'][number]

export async function describe(id: number, signal?: AbortSignal): Promise<Description> {
  const options = { path: { id }, ...keys(id), signal }
  return (await client.get('/api/executables/{id}', options)) as Description
}

/** Uploads and keeps the admin key, which the server never shows again. */
export async function upload(file: File, onSent: (share: number) => void) {
  const uploading = createClient({ baseUrl: ROOT, fetch: fetchWithProgress(onSent) })
  const answer = await uploading.post('/api/executables', {
    body: file,
    ...keys(),
    headers: {
      'content-type': 'application/octet-stream',
      SSVM_Description: inHeader(file.name.replace(/\.wasm$/i, '')),
    },
  })
  session.keepAdminKey(answer.wasm_id, answer.SSVM_Admin_Key)
  return answer
}

export type Uploaded = Awaited<ReturnType<typeof upload>>

/** A new version, which calls go to once it is loaded. */
export function swap(id: number, file: File, onSent: (share: number) => void) {
  const uploading = createClient({ baseUrl: ROOT, fetch: fetchWithProgress(onSent) })
  return uploading.put('/api/update_wasm_binary/{id}', {
    path: { id },
    body: file,
    ...keys(id),
    headers: { 'content-type': 'application/octet-stream' },
  })
}

/** Headers hold bytes; the server reads those of UTF-8. */
function inHeader(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text.replace(/[\r\n\0]/g, ' ')))
}
