// Event types: what a tenant may publish. A message of a type that is not there is refused, so that a slip of the
// pen is noticed where it is made.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { EVENT_TYPE_CHARS_MAX, EVENT_TYPE_WORDS_MAX, isEventTypeName } from '../event-pattern.ts'
import type { EventType } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { checkTenant } from './tenants.ts'

export interface EventTypesDeps {
  storage: Storage
  config: Config
  now: () => number
}

export type EventTypes = ReturnType<typeof createEventTypes>

export function createEventTypes({ storage, config, now }: EventTypesDeps) {
  return {
    /** @throws AppError BAD_REQUEST; CONFLICT where it is there already, or the tenant has too many */
    async add(given: { tenant: string; name: string; description: string }): Promise<EventType> {
      checkTenant(given.tenant)
      checkName(given.name)
      const type: EventType = { ...given, createdAtMs: now() }
      const limit = config.EVENT_TYPES_MAX
      const added = await storage.eventTypes.add(type, limit)
      if (added === 'added') return type
      if (added === 'exists') {
        throw new AppError('CONFLICT', `There is an event type ${given.name} already.`)
      }
      const sentence = `The tenant has ${limit} event types, which is the most (EVENT_TYPES_MAX).`
      throw new AppError('CONFLICT', sentence, { detail: { limit } })
    },

    async find(tenant: string, name: string): Promise<EventType> {
      checkTenant(tenant)
      const type = await storage.eventTypes.get(tenant, name)
      if (type === undefined) throw missing()
      return type
    },

    list(...of: Parameters<typeof storage.eventTypes.list>) {
      checkTenant(of[0])
      return storage.eventTypes.list(...of)
    },

    /** What was published stays, and is sent on. */
    async remove(tenant: string, name: string): Promise<void> {
      checkTenant(tenant)
      if (!(await storage.eventTypes.remove(tenant, name))) throw missing()
    },
  }
}

function checkName(name: string): void {
  if (isEventTypeName(name)) return
  throw new AppError(
    'BAD_REQUEST',
    'name must be words of letters, digits, _ and - with dots between them, as order.created, at most ' +
      `${EVENT_TYPE_WORDS_MAX} of them and ${EVENT_TYPE_CHARS_MAX} characters.`,
    { detail: { field: 'name' } },
  )
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'The tenant has no such event type.')
}
