// Endpoints: where a tenant's events go, which of them, and what they are signed with.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { EVENT_TYPE_CHARS_MAX, EVENT_TYPE_WORDS_MAX, isEventPattern } from '../event-pattern.ts'
import { changedSettings } from '../endpoint-settings.ts'
import type { Endpoint, EndpointSettings, RequestSpec, SigningSecret } from '../model.ts'
import { originOf, parseRequestSpec } from '../request-spec.ts'
import { DEFAULT_RETRY, formatRetry } from '../retry-policy.ts'
import type { EndpointFields, Storage } from '../storage/storage.ts'
import type { Deliveries } from './deliveries.ts'
import {
  PREVIOUS_SECRETS_MAX,
  aliveAt,
  makeSecret,
  secretText,
  signatureWarnings,
} from './signing.ts'
import type { TargetCheck } from './target-check.ts'
import { checkTenant } from './tenants.ts'

/** What an owner says of an endpoint; what is absent stays as it is, or is the default. */
export interface EndpointRequest {
  url?: string | undefined
  eventTypes?: readonly string[] | undefined
  description?: string | undefined
  /** Replaces all of them. */
  headers?: Readonly<Record<string, string>> | undefined
  /** As in a callback; null: the default. */
  retry?: unknown
  /** Null: the default. */
  timeoutMs?: number | null | undefined
  /** Each that is named replaces the one before. */
  settings?: { [K in keyof EndpointSettings]?: EndpointSettings[K] | undefined }
  enabled?: boolean | undefined
}

export interface EndpointsDeps {
  storage: Storage
  deliveries: Deliveries
  checkTarget: TargetCheck
  config: Config
  now: () => number
}

export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(deps: EndpointsDeps) {
  const { storage, deliveries, checkTarget, config, now } = deps

  async function find(tenant: string, id: string): Promise<Endpoint> {
    checkTenant(tenant)
    const endpoint = await storage.endpoints.get(id)
    if (endpoint?.tenant !== tenant) throw new AppError('NOT_FOUND', 'There is no such endpoint.')
    return endpoint
  }

  /** @throws AppError BAD_REQUEST, INVALID_SPEC, ADDRESS_REFUSED */
  function toFields(
    request: EndpointRequest,
    before: Endpoint | undefined,
  ): { fields: EndpointFields; warnings: string[] } {
    const eventTypes = request.eventTypes ?? before?.eventTypes ?? []
    checkPatterns(eventTypes)
    const { spec, warnings } = toSpec(request, before?.spec)
    checkTarget(spec)
    const fields = {
      description: request.description ?? before?.description ?? '',
      eventTypes,
      spec,
      settings: changedSettings(before?.settings, request.settings),
      target: originOf(spec),
      retry: spec.retry ?? DEFAULT_RETRY,
      enabled: request.enabled ?? before?.enabled ?? true,
    }
    return { fields, warnings: [...warnings, ...signatureWarnings(spec)] }
  }

  return {
    find,

    /**
     * @returns the secret's text besides, which nobody can ask for again, and warnings
     * @throws AppError BAD_REQUEST, INVALID_SPEC, ADDRESS_REFUSED; CONFLICT where the tenant has too many
     */
    async add(
      tenant: string,
      request: EndpointRequest,
    ): Promise<{ endpoint: Endpoint; secret: string; warnings: string[] }> {
      checkTenant(tenant)
      const { fields, warnings } = toFields(request, undefined)
      const id = uuidv7()
      const createdAtMs = now()
      const secret = makeSecret(false, createdAtMs)
      const limit = config.ENDPOINTS_MAX
      if (!(await storage.endpoints.add({ ...fields, id, tenant, createdAtMs, secret }, limit))) {
        const sentence = `The tenant has ${limit} endpoints, which is the most (ENDPOINTS_MAX).`
        throw new AppError('CONFLICT', sentence, { detail: { limit } })
      }
      return { endpoint: await find(tenant, id), secret: secretText(secret), warnings }
    },

    list(...of: Parameters<typeof storage.endpoints.list>) {
      checkTenant(of[0])
      return storage.endpoints.list(...of)
    },

    /** What waits for it goes where it points from now on. @throws as `add` */
    async change(
      tenant: string,
      id: string,
      request: EndpointRequest,
    ): Promise<{ endpoint: Endpoint; warnings: string[] }> {
      const before = await find(tenant, id)
      const { fields, warnings } = toFields(request, before)
      const times = { changedAtMs: before.updatedAtMs, nowMs: now() }
      if (!(await storage.endpoints.update(id, fields, times))) {
        await find(tenant, id)
        throw new AppError('CONFLICT', 'Somebody else has changed the endpoint just now.')
      }
      return { endpoint: await find(tenant, id), warnings }
    },

    /**
     * Makes a secret in place of the present one, which stays alive for the overlap; what was replaced earlier lives
     * no longer than that.
     * @returns the secret's text, which nobody can ask for again
     * @throws AppError NOT_FOUND; CONFLICT where too many would be alive
     */
    async rotate(
      tenant: string,
      id: string,
      overlapMs: number = config.SIGNING_SECRET_OVERLAP_MS,
    ): Promise<{ endpoint: Endpoint; secret: string }> {
      await find(tenant, id)
      const nowMs = now()
      const made = makeSecret(false, nowMs)
      const previousUntilMs = nowMs + overlapMs
      const bounds = { nowMs, previousUntilMs, previousMax: PREVIOUS_SECRETS_MAX }
      await storage.endpoints.rotate(id, made, bounds)
      return { endpoint: await find(tenant, id), secret: secretText(made) }
    },

    /** What was not delivered to it is canceled. */
    async remove(tenant: string, id: string): Promise<void> {
      await find(tenant, id)
      await storage.endpoints.remove(id)
      await deliveries.cancelTo(id)
    },

    aliveSecrets: (endpoint: Endpoint): readonly SigningSecret[] =>
      aliveAt(now(), endpoint.secrets),
  }
}

function checkPatterns(patterns: readonly string[]): void {
  const at = patterns.findIndex((pattern) => !isEventPattern(pattern))
  if (at < 0) return
  throw new AppError(
    'BAD_REQUEST',
    'An entry of event_types is a name as order.created, or one with * in place of words, as order.*, at ' +
      `most ${EVENT_TYPE_WORDS_MAX} words and ${EVENT_TYPE_CHARS_MAX} characters.`,
    { detail: { field: `event_types.${at}` } },
  )
}

function toSpec(
  { url, headers, retry, timeoutMs }: EndpointRequest,
  before: RequestSpec | undefined,
): { spec: RequestSpec; warnings: string[] } {
  const address = url === undefined && before !== undefined ? before : readUrl(url ?? '')
  const { protocol, hostname, port, path } = address
  const oldRetry = before?.retry === undefined ? undefined : formatRetry(before.retry)
  const options = {
    ...{ protocol, hostname, port, path },
    headers: headers ?? before?.headers ?? {},
    retry: retry === undefined ? oldRetry : retry,
    timeout: timeoutMs === undefined ? before?.timeoutMs : (timeoutMs ?? undefined),
  }
  return parseRequestSpec(options, 'callback')
}

function readUrl(url: string): RequestSpec {
  const field = 'url'
  if (!/^https?:\/\//i.test(url)) {
    throw new AppError('INVALID_SPEC', 'url must be a URL that begins with https:// or http://.', {
      detail: { field },
    })
  }
  const { spec } = parseRequestSpec(url, 'callback')
  if (spec.headers.authorization === undefined) return spec
  // They would follow a change of the address to another host.
  throw new AppError('INVALID_SPEC', 'Put credentials into headers (Authorization), not the URL.', {
    detail: { field },
  })
}
