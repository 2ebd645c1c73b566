// Shapes that several routes share: they validate requests and describe the API at once.
import { Type } from 'typebox'

export const ExecutableParams = Type.Object({
  id: Type.String({ description: 'wasm_id: the positive integer an upload answered' }),
})

export const FunctionParams = Type.Object({
  id: Type.String({ description: 'wasm_id' }),
  fn: Type.String({ description: 'Name of an exported function' }),
})

/** Every failure looks like this; some codes carry further fields. */
export const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A sentence for people' }),
    code: Type.String({ description: 'Stable; see docs/errors.md' }),
  },
  { additionalProperties: true },
)

/** Of a route that takes nothing: a field is one that its sender means something by. */
export const NoFields = Type.Object({}, { additionalProperties: false })

export const WasmId = Type.Object({ wasm_id: Type.Integer() })

/** Of lists; page.ts reads them. */
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ description: '1 to 100; default 20' })),
    cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  },
  { additionalProperties: false },
)

/** The security of the OpenAPI description, by the right a route asks for. */
export const SECURITY = {
  open: [],
  token: [{ apiToken: [] }],
  admin: [{ adminKey: [] }, { apiToken: [] }],
  usage: [{ usageKey: [] }, { adminKey: [] }, { apiToken: [] }, {}],
} as const
