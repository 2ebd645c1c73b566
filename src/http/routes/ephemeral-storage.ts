// /api/ephemeral_storage: JSON kept for an hour.
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import type { Ephemeral } from '../../core/ephemeral.ts'
import { AppError } from '../../errors.ts'
import { JSON_TYPE } from '../json-text.ts'
import { ErrorBody, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'

export interface EphemeralStorageDeps {
  ephemeral: Ephemeral
  config: Config
}

const KeyParams = Type.Object({ key: Type.String() })
const Key = Type.Object({ key: Type.String() })
const Value = Type.Object({ value: Type.Unknown() })

export function registerEphemeralStorage(app: App, deps: EphemeralStorageDeps): void {
  const { ephemeral, config } = deps
  const write = {
    bodyLimit: config.EPHEMERAL_VALUE_BYTES,
    config: { access: 'token', cors: true },
  } as const
  const tags = ['ephemeral storage']
  const body = Type.Unknown({ description: 'Any JSON' })

  app.post(
    '/api/ephemeral_storage',
    {
      ...write,
      schema: {
        summary: 'Keep a JSON value for an hour',
        tags,
        body,
        security: SECURITY.token,
        response: { 200: Key, '4xx': ErrorBody, '5xx': ErrorBody },
      },
    },
    async (request) => ({ key: await ephemeral.create(toJsonText(request.body)) }),
  )

  app.get(
    '/api/ephemeral_storage/:key',
    {
      schema: {
        summary: 'Read a value',
        tags,
        params: KeyParams,
        security: SECURITY.open,
        response: { 200: Value },
      },
      config: { access: 'open', cors: true },
    },
    async (request, reply) => {
      // Spliced in as it is stored: it is valid JSON already.
      const value = await ephemeral.read(request.params.key)
      return reply.type(JSON_TYPE).send(`{"value":${value}}` as never)
    },
  )

  app.put(
    '/api/ephemeral_storage/:key',
    {
      ...write,
      schema: {
        summary: 'Replace a value; its hour begins anew',
        tags,
        params: KeyParams,
        body,
        security: SECURITY.token,
        response: { 200: Key, '4xx': ErrorBody, '5xx': ErrorBody },
      },
    },
    async (request) => {
      const { key } = request.params
      await ephemeral.replace(key, toJsonText(request.body))
      return { key }
    },
  )

  app.delete(
    '/api/ephemeral_storage/:key',
    {
      ...write,
      schema: {
        summary: 'Delete a value',
        tags,
        params: KeyParams,
        security: SECURITY.token,
        response: { 200: Key, '4xx': ErrorBody },
      },
    },
    async (request) => {
      const { key } = request.params
      await ephemeral.remove(key)
      return { key }
    },
  )
}

/** JSON.parse takes any depth, JSON.stringify does not. */
function toJsonText(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new AppError('INVALID_JSON', 'The value is nested too deeply.', { cause })
  }
}
