// Which deliveries are meant: the fields of a list and of a resend, as an address, a form and a sentence have them.
import * as format from '../format.ts'
import type { Filter as Field } from '../parts/filters.tsx'

const STATES = [
  ...['pending', 'failed', 'scheduled', 'leased', 'waiting', 'paused'],
  ...['succeeded', 'exhausted', 'canceled', 'discarded'],
] as const

/** Of what an operator, or an executable's owner, may ask for. */
const FIELDS = [
  { name: 'state', label: 'State', options: STATES },
  { name: 'target', label: 'Target', placeholder: 'https://example.org' },
  { name: 'created_after', label: 'Made since', moment: true },
  { name: 'created_before', label: 'Made before', moment: true },
  { name: 'wasm_id', label: 'Function id', rare: true },
  { name: 'run_id', label: 'Run id', rare: true },
  { name: 'tenant', label: 'Tenant', rare: true },
  { name: 'endpoint_id', label: 'Endpoint id', rare: true },
  { name: 'message_id', label: 'Message id', rare: true },
  { name: 'event_type', label: 'Event type', placeholder: 'order.created', rare: true },
] as const satisfies readonly Field[]

type Name = (typeof FIELDS)[number]['name']

export type Filter = Readonly<Partial<Record<Name, string>>>

/** A tenant's token opens that tenant's events only, and no function's results. */
const NOT_FOR_TENANTS: readonly Name[] = ['wasm_id', 'run_id', 'tenant']

export function fieldsFor(tenant: string | null): readonly Field[] {
  return FIELDS.filter(({ name }) => tenant === null || !NOT_FOR_TENANTS.includes(name))
}

/** Of an address; what else stands there is left out. */
export function readFilter(query: Readonly<Record<string, string>>): Filter {
  return Object.fromEntries(
    FIELDS.flatMap(({ name }) => (query[name] === undefined ? [] : [[name, query[name]]])),
  )
}

/** The executable whose key it takes. */
export function ownerOf({ wasm_id: id }: Filter): number | undefined {
  return id === undefined ? undefined : Number(id)
}

/** Words for several. */
const WORDS: Readonly<Record<string, string>> = {
  pending: 'scheduled or leased or waiting',
  failed: 'exhausted or discarded',
}

/** `deliveries that are exhausted or discarded, sent to https://example.org` */
export function inWords(filter: Filter): string {
  const { state, created_after: since, created_before: before } = filter
  const states = state?.split(',').map((one) => WORDS[one.trim()] ?? one.trim())
  const parts = [
    states !== undefined && `that are ${states.join(' or ')}`,
    filter.target !== undefined && `sent to ${filter.target}`,
    filter.wasm_id !== undefined && `of function ${filter.wasm_id}`,
    filter.run_id !== undefined && `of run ${filter.run_id}`,
    filter.tenant !== undefined && `of tenant ${filter.tenant}`,
    filter.event_type !== undefined && `of type ${filter.event_type}`,
    filter.endpoint_id !== undefined && `to endpoint ${filter.endpoint_id}`,
    filter.message_id !== undefined && `of message ${filter.message_id}`,
    since !== undefined && `made since ${format.moment(since)}`,
    before !== undefined && `made before ${format.moment(before)}`,
  ].filter((part) => part !== false)
  return ['deliveries', parts.join(', ')].join(' ').trim()
}
