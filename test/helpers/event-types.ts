// Event types as tests of storage add them.
import type { EventType } from '../../src/model.ts'

export const REVISION = 'first'

export function newEventType(change: Partial<EventType> = {}): EventType {
  return {
    tenant: 't',
    name: 'order.created',
    description: '',
    schema: null,
    example: null,
    enforcement: 'off',
    fetch: null,
    revision: REVISION,
    createdAtMs: 1_900_000_000_000,
    ...change,
  }
}
