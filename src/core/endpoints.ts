// Endpoints: where a tenant's events go, which of them, and what they are signed with.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Endpoint, EndpointStats, SigningSecret } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import type { Deliveries } from './deliveries.ts'
import { toEndpointFields } from './endpoint-fields.ts'
import type { EndpointRequest } from './endpoint-fields.ts'
import { PREVIOUS_SECRETS_MAX, aliveAt, hasPair, makeSecret, secretText } from './signing.ts'
import type { Rotation } from './signing.ts'
import type { TargetCheck } from './target-check.ts'
import { checkTenant } from './tenants.ts'

export interface EndpointsDeps {
  storage: Storage
  deliveries: Deliveries
  checkTarget: TargetCheck
  config: Config
  now: () => number
  /** Told when what waits may be sent earlier. */
  onDelivery: () => void
}

/** More are not counted. */
const PAUSED_SHOWN = 10_000

export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(deps: EndpointsDeps) {
  const { storage, deliveries, config, now, onDelivery } = deps

  async function find(tenant: string, id: string): Promise<Endpoint> {
    checkTenant(tenant)
    const endpoint = await storage.endpoints.get(id)
    if (endpoint?.tenant !== tenant) throw new AppError('NOT_FOUND', 'There is no such endpoint.')
    return endpoint
  }

  /** What waits for it goes where it points from now on. @throws as `add`; CONFLICT */
  async function change(
    tenant: string,
    id: string,
    request: EndpointRequest,
  ): Promise<{ endpoint: Endpoint; warnings: string[] }> {
    const before = await find(tenant, id)
    const { fields, warnings } = toEndpointFields(request, before, deps)
    const times = { changedAtMs: before.updatedAtMs, nowMs: now() }
    if (!(await storage.endpoints.update(id, fields, times))) {
      await find(tenant, id)
      throw new AppError('CONFLICT', 'Somebody else has changed the endpoint just now.')
    }
    onDelivery()
    return { endpoint: await find(tenant, id), warnings }
  }

  async function setEnabled(tenant: string, id: string, enabled: boolean): Promise<Endpoint> {
    const before = await find(tenant, id)
    return before.enabled === enabled ? before : (await change(tenant, id, { enabled })).endpoint
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
      withPair: boolean,
    ): Promise<{ endpoint: Endpoint; secret: string; warnings: string[] }> {
      checkTenant(tenant)
      const { fields, warnings } = toEndpointFields(request, undefined, deps)
      const id = uuidv7()
      const createdAtMs = now()
      const secret = makeSecret(withPair, createdAtMs)
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

    change,

    /**
     * Makes a secret in place of the present one, which stays alive for the overlap; what was replaced earlier lives
     * no longer than that.
     * @returns the secret's text, which nobody can ask for again
     * @throws AppError NOT_FOUND; CONFLICT where too many would be alive
     */
    async rotate(
      tenant: string,
      id: string,
      { v1a, overlapMs = config.SIGNING_SECRET_OVERLAP_MS }: Rotation,
    ): Promise<{ endpoint: Endpoint; secret: string }> {
      const { secrets } = await find(tenant, id)
      const nowMs = now()
      const made = makeSecret(v1a ?? hasPair(secrets), nowMs)
      const previousUntilMs = nowMs + overlapMs
      const bounds = { nowMs, previousUntilMs, previousMax: PREVIOUS_SECRETS_MAX }
      await storage.endpoints.rotate(id, made, bounds)
      return { endpoint: await find(tenant, id), secret: secretText(made) }
    },

    /** What waits for it is paused; what is published from now on makes no delivery to it. */
    disable: (tenant: string, id: string) => setEnabled(tenant, id, false),

    /** It gets what is published from now on; what is paused stays so until it is resumed. */
    enable: (tenant: string, id: string) => setEnabled(tenant, id, true),

    /**
     * Has what is paused go on.
     * @returns how many deliveries
     * @throws AppError CONFLICT where it is disabled
     */
    async resume(tenant: string, id: string): Promise<number> {
      const { enabled } = await find(tenant, id)
      if (!enabled) throw new AppError('CONFLICT', 'The endpoint is disabled; enable it first.')
      const resumed = await storage.endpoints.resume(id, now())
      if (resumed > 0) onDelivery()
      return resumed
    },

    /** Deliveries to it that are paused, counted up to PAUSED_SHOWN. */
    countPaused: (id: string): Promise<number> => storage.endpoints.countPaused(id, PAUSED_SHOWN),

    /** What came of what it was sent, and since when it fails. @throws AppError NOT_FOUND */
    async stats(
      tenant: string,
      id: string,
    ): Promise<EndpointStats & Pick<Endpoint, 'failingSinceMs'>> {
      const { failingSinceMs } = await find(tenant, id)
      const stats = await storage.endpoints.stats(id, now() - config.ENDPOINT_STATS_KEPT_MS)
      return { ...stats, failingSinceMs }
    },

    /** What was not delivered to it is canceled. */
    async remove(tenant: string, id: string): Promise<void> {
      await find(tenant, id)
      // Twice, so that a kill in between leaves one that can be deleted again.
      await deliveries.cancelTo(id)
      await storage.endpoints.remove(id, now())
      await deliveries.cancelTo(id)
    },

    /** Those alive of any tenant's, for who verifies by their public keys. @throws AppError NOT_FOUND */
    async secretsOf(id: string): Promise<readonly SigningSecret[]> {
      const endpoint = await storage.endpoints.get(id)
      if (endpoint === undefined) throw new AppError('NOT_FOUND', 'There is no such endpoint.')
      return aliveAt(now(), endpoint.secrets)
    },

    aliveSecrets: (endpoint: Endpoint): readonly SigningSecret[] =>
      aliveAt(now(), endpoint.secrets),
  }
}
