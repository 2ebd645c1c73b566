// The usage key: a new one closes the function to all who do not have it, deleting it opens it to all.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import { ErrorBody, ExecutableParams, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toExecutableId } from '../wire.ts'

const UsageKey = Type.Object({ wasm_id: Type.Integer(), SSVM_Usage_Key: Type.String() })

export function registerKeys(app: App, { executables }: { executables: Executables }): void {
  const schema = {
    tags: ['keys'],
    params: ExecutableParams,
    security: SECURITY.admin,
    response: { 200: UsageKey, '4xx': ErrorBody },
  } as const

  app.put(
    '/api/keys/:id/usage_key',
    {
      schema: { ...schema, summary: 'Replace the usage key; shown once' },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      return { wasm_id: id, SSVM_Usage_Key: await executables.newUsageKey(id) }
    },
  )

  app.delete(
    '/api/keys/:id/usage_key',
    {
      schema: { ...schema, summary: 'Open the function to all; answers the zero UUID' },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      return { wasm_id: id, SSVM_Usage_Key: await executables.clearUsageKey(id) }
    },
  )
}
