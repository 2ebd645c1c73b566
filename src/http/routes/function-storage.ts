// What an executable's functions keep, for its owner to see and to delete.
import { isUtf8 } from 'node:buffer'
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import type { FunctionStorage } from '../../core/function-storage.ts'
import { AppError } from '../../errors.ts'
import { sendGuestMade } from '../guest-made.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, ExecutableParams, PageQuery, SECURITY, WasmId } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'
import { toExecutableId } from '../wire.ts'

export interface FunctionStorageDeps {
  executables: Executables
  functionStorage: FunctionStorage
}

const Encoding = Type.Union([Type.Literal('utf8'), Type.Literal('base64')])
const KeyParams = Type.Object({
  id: Type.String({ description: 'wasm_id' }),
  key: Type.String({ description: 'The key, percent-encoded where needed' }),
})
const KeyQuery = Type.Object(
  { encoding: Type.Optional(Type.String({ description: 'utf8 (default) or base64' })) },
  { additionalProperties: false },
)
const Page = Type.Object({
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      encoding: Encoding,
      bytes: Type.Integer({ description: 'Of key and value, as they count against store_bytes' }),
      updated_at: Type.String({ description: 'RFC 3339, UTC' }),
    }),
  ),
  next: Type.Union([Type.String(), Type.Null()]),
  total: Type.Object({ keys: Type.Integer(), bytes: Type.Integer() }),
})

export function registerFunctionStorage(app: App, deps: FunctionStorageDeps): void {
  const { executables, functionStorage } = deps
  const common = { tags: ['function storage'], security: SECURITY.admin } as const
  const config = { access: 'admin' } as const

  app.get(
    '/api/executables/:id/storage',
    {
      schema: {
        ...common,
        summary: "What the executable's functions keep: keys in the order of their bytes",
        params: ExecutableParams,
        querystring: PageQuery,
        response: { 200: Page, '4xx': ErrorBody },
      },
      config,
    },
    async (request) => {
      const { id } = await executables.find(toExecutableId(request.params.id))
      const { limit, cursor } = request.query
      const page = await functionStorage.list(id, {
        limit: readLimit(limit),
        ...(cursor === undefined ? {} : { after: Buffer.from(cursor, 'base64url') }),
      })
      return {
        items: page.items.map(({ key, sizeBytes, updatedAtMs }) => ({
          ...toWireKey(key),
          bytes: sizeBytes,
          updated_at: toTime(updatedAtMs),
        })),
        next: page.next?.toString('base64url') ?? null,
        total: page.total,
      }
    },
  )

  app.get(
    '/api/executables/:id/storage/:key',
    {
      schema: {
        ...common,
        summary: 'What a key holds: its numbers, each as four little-endian bytes',
        params: KeyParams,
        querystring: KeyQuery,
      },
      config: { ...config, rawAnswer: ['application/octet-stream'] },
    },
    async (request, reply) => {
      const { id } = await executables.find(toExecutableId(request.params.id))
      const body = await functionStorage.read(id, toKey(request.params.key, request.query.encoding))
      sendGuestMade(reply, { status: 200, type: 'application/octet-stream', body })
    },
  )

  app.delete(
    '/api/executables/:id/storage/:key',
    {
      schema: {
        ...common,
        summary: 'Delete a key, in turn with the calls that write',
        params: KeyParams,
        querystring: KeyQuery,
        response: { 200: WasmId, '4xx': ErrorBody, '5xx': ErrorBody },
      },
      config,
    },
    async (request) => {
      const { id } = await executables.find(toExecutableId(request.params.id))
      await functionStorage.remove(id, toKey(request.params.key, request.query.encoding))
      return { wasm_id: id }
    },
  )

  app.delete(
    '/api/executables/:id/storage',
    {
      schema: {
        ...common,
        summary: "Delete everything that the executable's functions keep, in turn with their calls",
        params: ExecutableParams,
        response: { 200: WasmId, '4xx': ErrorBody, '5xx': ErrorBody },
      },
      config,
    },
    async (request) => {
      const { id } = await executables.find(toExecutableId(request.params.id))
      await functionStorage.clear(id)
      return { wasm_id: id }
    },
  )
}

function toWireKey(key: Buffer): { key: string; encoding: 'utf8' | 'base64' } {
  const encoding = isUtf8(key) ? 'utf8' : 'base64'
  return { key: key.toString(encoding), encoding }
}

function toKey(text: string, encoding = 'utf8'): Buffer {
  if (encoding === 'utf8') return Buffer.from(text)
  const key = Buffer.from(text, 'base64')
  if (encoding === 'base64' && key.length > 0) return key
  throw new AppError('BAD_REQUEST', 'encoding must be utf8 or base64, and the key be so encoded.')
}
