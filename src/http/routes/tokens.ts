// Tokens of tenants: the operator makes, lists and revokes them; whoever has one may ask what it is.
import { Type } from 'typebox'
import { TOKEN_RIGHTS } from '../../core/tokens.ts'
import type { Tokens } from '../../core/tokens.ts'
import type { Token } from '../../model.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readPage, idOf } from '../page.ts'
import { ErrorBody, PageQuery, SECURITY, TenantField, listOf } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime, readTime } from '../times.ts'

const DESCRIPTION_CHARS_MAX = 1_000

const Time = Type.Union([Type.String(), Type.Null()])
const Right = Type.Union([Type.Literal('read'), Type.Literal('publish'), Type.Literal('manage')])
const Body = Type.Object(
  {
    tenant: TenantField,
    rights: Type.Array(Right, {
      minItems: 1,
      uniqueItems: true,
      description: 'manage includes the others; publish does not include read',
    }),
    description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
    expires_at: Type.Optional(Type.String({ description: 'RFC 3339, as 2030-01-31T12:00:00Z' })),
    expires_in_ms: Type.Optional(Type.Integer({ minimum: 1, description: 'In its place' })),
  },
  { additionalProperties: false },
)
const Fields = {
  token_id: Type.String(),
  prefix: Type.String({ description: "The token's first characters" }),
  tenant: Type.String(),
  rights: Type.Array(Right),
  description: Type.String(),
  created_at: Type.String(),
  expires_at: Time,
  revoked_at: Time,
  last_used_at: Type.Union([Type.String(), Type.Null()], { description: 'To about a minute' }),
}
const Shape = Type.Object(Fields)
const Made = Type.Object({ ...Fields, token: Type.String({ description: 'wht_…; shown once' }) })
const Own = Type.Object({
  token_id: Time,
  tenant: Type.Union([Type.String(), Type.Null()], { description: 'null: any; the operator' }),
  rights: Type.Array(Right),
  expires_at: Time,
})
const Params = Type.Object({ id: Type.String({ description: 'token_id' }) })
const Query = Type.Object(
  { ...PageQuery.properties, tenant: Type.Optional(TenantField) },
  { additionalProperties: false },
)

export function registerTokens(
  app: App,
  { tokens, keyGuard }: { tokens: Tokens; keyGuard: KeyGuard },
): void {
  const common = { tags: ['tokens'], security: SECURITY.token }
  const config = { access: 'token' } as const

  app.post(
    '/api/tokens',
    {
      schema: {
        ...common,
        summary: 'Make a token of a tenant; it is shown once',
        body: Body,
        response: { 201: Made, '4xx': ErrorBody },
      },
      config,
    },
    async (request, reply) => {
      const { tenant, rights, description = '', ...end } = request.body
      const { token, text } = await tokens.add({
        ...{ tenant, rights, description },
        expiresAtMs:
          end.expires_at === undefined ? undefined : readTime(end.expires_at, 'expires_at'),
        expiresInMs: end.expires_in_ms,
      })
      reply
        .code(201)
        .header('location', `/api/tokens/${token.id}`)
        .header('cache-control', 'no-store')
      return { ...toWire(token), token: text }
    },
  )

  app.get(
    '/api/tokens',
    {
      schema: {
        ...common,
        summary: 'Tokens of all tenants or of one, newest first, revoked ones too',
        querystring: Query,
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config,
    },
    async (request) => {
      const { tenant, ...page } = request.query
      const { items, next } = await tokens.list({ tenant }, readPage(page))
      return { items: items.map(toWire), next }
    },
  )

  app.get(
    '/api/tokens/:id',
    {
      schema: {
        ...common,
        summary: 'One token, by its id',
        params: Params,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config,
    },
    async (request) => toWire(await tokens.find(idOf(request.params, 'token'))),
  )

  app.delete(
    '/api/tokens/:id',
    {
      schema: {
        ...common,
        summary: 'Revoke a token; it opens nothing from then on, and stays listed',
        params: Params,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config,
    },
    async (request) => toWire(await tokens.revoke(idOf(request.params, 'token'))),
  )

  app.get(
    '/api/token',
    {
      schema: {
        tags: ['tokens'],
        security: SECURITY.scoped,
        summary: 'What the token that is sent opens',
        response: { 200: Own, '4xx': ErrorBody },
      },
      config: { access: 'scoped' },
    },
    (request) => {
      const token = keyGuard.tokenOf(request)
      return {
        token_id: token?.id ?? null,
        tenant: token?.tenant ?? null,
        rights: [...(token?.rights ?? TOKEN_RIGHTS)],
        expires_at: toTime(token?.expiresAtMs ?? null),
      }
    },
  )
}

function toWire(token: Token) {
  return {
    token_id: token.id,
    prefix: token.prefix,
    tenant: token.tenant,
    rights: [...token.rights],
    description: token.description,
    created_at: toTime(token.createdAtMs),
    expires_at: toTime(token.expiresAtMs),
    revoked_at: toTime(token.revokedAtMs),
    last_used_at: toTime(token.lastUsedAtMs),
  }
}
