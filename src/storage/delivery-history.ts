// Pages of deliveries by whatever filter, each found by index. Every index that is listed by holds one
// state after another, in each of them the ids in order: a page is the best of the first few of each state.
import type { Kysely, SelectQueryBuilder } from 'kysely'
import { DELIVERY_STATES } from '../model.ts'
import type { DeliveryFilter, DeliveryState } from '../model.ts'
import type { Schema } from './schema.ts'
import { shareOfTenant } from './tenant-share.ts'

export interface PageBounds {
  limit: number
  /** Ids between these, without them. */
  after?: string | undefined
  before?: string | undefined
  /** The newest first, or the oldest. */
  newest: boolean
}

type Ids = SelectQueryBuilder<Schema, 'deliveries', { id: string }>

/** More than may ever be leased at once. */
const MORE_THAN_LEASED = 100_000

/** A query for the ids of one page. */
export function pageOfIds(db: Kysely<Schema>, filter: DeliveryFilter, bounds: PageBounds) {
  const { limit, newest } = bounds
  const order = newest ? 'desc' : 'asc'
  const [first, ...others] = rangesOf(db, filter).map((range) => {
    const page = within(range, filter, bounds).orderBy('id', order).limit(limit)
    return db.selectFrom(page.as('page')).select('page.id as id')
  })
  if (first === undefined) throw new Error('There is always a range.')
  const all = others.reduce((union, next) => union.unionAll(next), first)
  return db.selectFrom(all.as('found')).select('found.id').orderBy('found.id', order).limit(limit)
}

/** What the filter asks for, as ranges of one index each. */
function rangesOf(db: Kysely<Schema>, filter: DeliveryFilter): Ids[] {
  const { runId, messageId, states } = filter
  const ids = db.selectFrom('deliveries').select('id')
  // A run has few, and a message no more than its tenant has endpoints.
  const carried = runId ?? messageId
  if (carried !== undefined)
    return [ofOwner(inStates(ids.where('run_id', '=', carried), states), filter)]
  const { executableId, target, tenant, endpointId, eventType } = filter
  const asked = [executableId, target, tenant, endpointId, eventType, states]
  if (asked.every((part) => part === undefined)) return [ids]
  return (states ?? DELIVERY_STATES).flatMap((state) => {
    if (state === 'leased') return [leased(db, filter)]
    const { target: none, ...others } = filter
    const range = ofOwner(inStates(ids, [state]), others)
    if (none === undefined) return [range]
    const plain = range.where('lane', '=', none)
    // Only endpoints have lanes of their own.
    return executableId === undefined ? [plain, range.where('own_target', '=', none)] : [plain]
  })
}

function ofOwner(query: Ids, filter: DeliveryFilter): Ids {
  const { runId, messageId, executableId, target, tenant, endpointId, eventType } = filter
  let owned = query
  if (runId !== undefined)
    owned = owned.where('run_id', '=', runId).where('endpoint_id', 'is', null)
  if (messageId !== undefined)
    owned = owned.where('run_id', '=', messageId).where('endpoint_id', 'is not', null)
  if (endpointId !== undefined) owned = owned.where('endpoint_id', '=', endpointId)
  if (eventType !== undefined) owned = owned.where('event_type', '=', eventType)
  if (tenant !== undefined) {
    owned = owned.where('tenant', '=', tenant)
    // With a type there is an index by both.
    if (eventType === undefined) owned = owned.where('executable_id', '=', shareOfTenant(tenant))
  }
  if (executableId !== undefined) owned = owned.where('executable_id', '=', executableId)
  if (target !== undefined) {
    owned = owned.where((eb) => eb.or([eb('lane', '=', target), eb('own_target', '=', target)]))
  }
  return owned
}

/** Under way are few at any time: they are looked through. */
function leased(db: Kysely<Schema>, filter: DeliveryFilter): Ids {
  const few = db
    .selectFrom('deliveries')
    .selectAll()
    .where('leased_until_ms', 'is not', null)
    .where('manual', '=', 0)
    .limit(MORE_THAN_LEASED)
  // The same columns by another name.
  return ofOwner(db.selectFrom(few.as('under_way')).select('id') as unknown as Ids, filter)
}

function inStates(query: Ids, states: readonly DeliveryState[] | undefined): Ids {
  if (states === undefined) return query
  return query.where((eb) => {
    const isLeased = eb.and([eb('leased_until_ms', 'is not', null), eb('manual', '=', 0)])
    return eb.or(
      states.map((state) =>
        state === 'leased'
          ? isLeased
          : eb.and([
              eb('state', '=', state),
              ...(state === 'scheduled' || state === 'waiting' ? [eb.not(isLeased)] : []),
            ]),
      ),
    )
  })
}

/** One bound at either end: of two, an index would use either, and look through what the other leaves out. */
function within(query: Ids, filter: DeliveryFilter, { after, before }: PageBounds): Ids {
  const { createdFromMs: from, createdBeforeMs: until } = filter
  const lowest = [after, from === undefined ? undefined : idOfTime(from)]
    .filter(isGiven)
    .sort()
    .at(-1)
  const highest = [before, until === undefined ? undefined : idOfTime(until)]
    .filter(isGiven)
    .sort()[0]
  let ranged = query
  if (lowest !== undefined) ranged = ranged.where('id', '>', lowest)
  if (highest !== undefined) ranged = ranged.where('id', '<', highest)
  return ranged
}

function isGiven(id: string | undefined): id is string {
  return id !== undefined
}

/** Above every id of the milliseconds before, and below all of this one. */
export function idOfTime(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
