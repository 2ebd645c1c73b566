// Sources: addresses that other services call, how their senders are known, and what is done with what they send.
import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { isEventTypeName, isOperational } from '../event-pattern.ts'
import type { PublishAs, Source } from '../model.ts'
import { malformed } from '../object-members.ts'
import type { SourceFields, Storage } from '../storage/storage.ts'
import { unknownType } from './known-types.ts'
import { checkTenant } from './tenants.ts'

/** What an owner says of a source; what is absent stays as it is, or is the default. */
export type SourceRequest = { [K in keyof SourceFields]?: SourceFields[K] | undefined }

export interface SourcesDeps {
  storage: Pick<Storage, 'sources' | 'eventTypes'>
  config: Pick<Config, 'SOURCES_MAX'>
  now: () => number
}

export type Sources = ReturnType<typeof createSources>

const DEFAULTS: Omit<SourceFields, 'verification'> = {
  description: '',
  enabled: true,
  challenge: null,
  format: 'auto',
  eventId: null,
  target: null,
  publish: null,
}

export function createSources({ storage, config, now }: SourcesDeps) {
  async function find(tenant: string, id: string): Promise<Source> {
    checkTenant(tenant)
    const source = await storage.sources.get(id)
    if (source?.tenant !== tenant) throw missing()
    return source
  }

  /** @throws AppError BAD_REQUEST, UNKNOWN_EVENT_TYPE */
  async function check(tenant: string, { format, target, publish }: SourceFields): Promise<void> {
    if (target === null && publish === null) {
      throw malformed('function', 'must be there, or publish, or both')
    }
    if (publish === null) return
    if (format === 'raw') {
      throw malformed('format', 'must not be raw beside publish: what is published is JSON')
    }
    await checkPublish(tenant, publish)
  }

  async function checkPublish(tenant: string, publish: PublishAs): Promise<void> {
    if ('typeFrom' in publish) {
      if (isEventTypeName(`${publish.prefix}x`)) return
      throw malformed('publish.prefix', 'must be the beginning of an event type')
    }
    const { type } = publish
    if (isOperational(type)) {
      throw malformed('publish.type', 'is published by the server alone')
    }
    const known = isEventTypeName(type) && (await storage.eventTypes.get(tenant, type))
    if (known === undefined || known === false) {
      const { code, message } = unknownType(type)
      throw new AppError(code, message, { detail: { field: 'publish.type' } })
    }
  }

  return {
    find,

    /** By whom an address is called: whoever has it. @throws AppError NOT_FOUND */
    async findEnabled(id: string): Promise<Source> {
      const source = await storage.sources.get(id)
      if (source?.enabled !== true) throw missing()
      return source
    },

    /** @throws AppError BAD_REQUEST, UNKNOWN_EVENT_TYPE; CONFLICT where the tenant has too many */
    async add(
      tenant: string,
      request: SourceRequest & Pick<SourceFields, 'verification'>,
    ): Promise<Source> {
      checkTenant(tenant)
      const { verification } = request
      const fields = { ...DEFAULTS, ...withChallenge(defined(request)), verification }
      await check(tenant, fields)
      const id = uuidv7({ random: randomBytes(16) })
      const nowMs = now()
      const source = { ...fields, id, tenant, createdAtMs: nowMs, updatedAtMs: nowMs }
      const limit = config.SOURCES_MAX
      if (!(await storage.sources.add(source, limit))) {
        const sentence = `The tenant has ${limit} sources, which is the most (SOURCES_MAX).`
        throw new AppError('CONFLICT', sentence, { detail: { limit } })
      }
      return source
    },

    list(...of: Parameters<typeof storage.sources.list>) {
      checkTenant(of[0])
      return storage.sources.list(...of)
    },

    /** @throws AppError NOT_FOUND, as `add`; CONFLICT where somebody else changes it at the same time */
    async change(tenant: string, id: string, request: SourceRequest): Promise<Source> {
      const before = await find(tenant, id)
      const fields = { ...before, ...withChallenge(defined(request)) }
      await check(tenant, fields)
      const times = { changedAtMs: before.updatedAtMs, nowMs: now() }
      if (!(await storage.sources.update(id, fields, times))) {
        await find(tenant, id)
        throw new AppError('CONFLICT', 'Somebody else has changed the source just now.')
      }
      return find(tenant, id)
    },

    /** With its history. */
    async remove(tenant: string, id: string): Promise<void> {
      await find(tenant, id)
      await storage.sources.remove(id)
    },
  }
}

/** Slack asks before it sends anything, whoever wants its events. */
function withChallenge(fields: Partial<SourceFields>): Partial<SourceFields> {
  const isSlack = fields.verification?.scheme === 'slack' && fields.challenge === undefined
  return isSlack ? { ...fields, challenge: { kind: 'slack' } } : fields
}

/** Without what is undefined, which would hide what was there before. */
function defined(request: SourceRequest): Partial<SourceFields> {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined))
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'There is no such source.')
}
