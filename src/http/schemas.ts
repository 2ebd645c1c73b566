// Shapes that several routes share: they validate requests and describe the API at once.
import { Type } from 'typebox'
import type { Static, TProperties, TSchema } from 'typebox'

export const ExecutableParams = Type.Object({
  id: Type.String({ description: 'wasm_id: the positive integer an upload answered' }),
})

export const FunctionParams = Type.Object({
  id: Type.String({ description: 'wasm_id' }),
  fn: Type.String({ description: 'Name of an exported function' }),
})

/** Or null. Written as one schema with two types, which are told apart without validating. */
export function nullable<T extends TSchema & { type: string }>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] })
}

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

/** Of a body that carries a payload, what is not the payload. */
export const AROUND_PAYLOAD_BYTES = 16 * 1024

/** Of lists; page.ts reads them. */
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ description: '1 to 100; default 20' })),
    cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  },
  { additionalProperties: false },
)

export const TenantField = Type.String({
  description:
    "1 to 64 letters, digits, dots, hyphens or underscores; a tenant's token need not name it",
})

/** A token is its tenant's; whoever has API_TOKEN, or needs none, says whose the thing is. */
export const OptionalTenant = Type.Optional(TenantField)

/** Whose a thing is that a route is about; of another tenant it is not there. */
export const TenantQuery = Type.Object({ tenant: OptionalTenant }, { additionalProperties: false })

/** The query of a tenant's lists, with what else a list takes. */
export function tenantPage<P extends TProperties>(others: P) {
  return Type.Object(
    { tenant: OptionalTenant, ...PageQuery.properties, ...others },
    { additionalProperties: false },
  )
}

export function listOf<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()]),
  })
}

/** The security of the OpenAPI description, by the right a route asks for. */
export const SECURITY = {
  open: [],
  token: [{ apiToken: [] }],
  scoped: [{ tenantToken: [] }, { apiToken: [] }],
  // OpenAPI 3.1 has such lists name the roles that are asked for.
  read: [{ tenantToken: ['read'] }, { apiToken: [] }],
  publish: [{ tenantToken: ['publish'] }, { apiToken: [] }],
  manage: [{ tenantToken: ['manage'] }, { apiToken: [] }],
  admin: [{ adminKey: [] }, { apiToken: [] }],
  /** What is an executable's, or a tenant's event. */
  adminOrRead: [{ adminKey: [] }, { tenantToken: ['read'] }, { apiToken: [] }],
  adminOrManage: [{ adminKey: [] }, { tenantToken: ['manage'] }, { apiToken: [] }],
  usage: [{ usageKey: [] }, { adminKey: [] }, { apiToken: [] }, {}],
} as const
