// What an endpoint says of order, on the wire.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Ordered } from '../ordered-line.ts'
import { FILTER_CHARS_MAX } from '../payload-filter.ts'

export const OrderedField = Type.Union(
  [
    Type.Object(
      {
        key: Type.Optional(Type.String({ minLength: 1, maxLength: FILTER_CHARS_MAX })),
        on_exhaustion: Type.Union([
          Type.Literal('block'),
          Type.Literal('skip'),
          Type.Literal('park'),
        ]),
      },
      { additionalProperties: false },
    ),
    Type.Null(),
  ],
  {
    description:
      'One at a time, in the order of publish, of all whose payload has the same at `key`, a path as customer.id; null: in any',
  },
)

export function readOrdered(named: Static<typeof OrderedField>): Ordered | null {
  return named && { key: named.key ?? null, onExhaustion: named.on_exhaustion }
}

export function showOrdered(ordered: Ordered | null) {
  if (ordered === null) return null
  const { key, onExhaustion } = ordered
  return { ...(key === null ? {} : { key }), on_exhaustion: onExhaustion }
}
