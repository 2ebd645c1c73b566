// Payload filters: what they find, and what is refused of them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AppError } from '../src/errors.ts'
import {
  FILTER_BYTES_MAX,
  FILTER_CHARS_MAX,
  FILTER_DEPTH_MAX,
  FILTER_PARTS_MAX,
  FILTER_VALUES_MAX,
  matchesPayload,
  parsePayloadFilter,
} from '../src/payload-filter.ts'

const PAYLOAD = {
  total: 12.5,
  customer: { country: 'de', vip: false, note: null },
  lines: [{ sku: 'a-1' }, { sku: 'b-2' }],
}

const matches = (filter: unknown): boolean =>
  matchesPayload(parsePayloadFilter(filter, 'payload_filter'), PAYLOAD)

function refusedAt(filter: unknown): unknown {
  try {
    parsePayloadFilter(filter, 'f')
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'BAD_REQUEST')
    return error.detail.field
  }
  return undefined
}

describe('a payload filter', () => {
  for (const [filter, expected] of [
    [{ path: 'customer.country', equals: 'de' }, true],
    [{ path: 'customer.country', equals: 'fr' }, false],
    [{ path: 'customer.vip', equals: false }, true],
    [{ path: 'customer.vip', equals: 0 }, false],
    [{ path: 'customer.note', equals: null }, true],
    [{ path: 'customer.nothing', equals: null }, false],
    [{ path: 'lines.1.sku', equals: 'b-2' }, true],
    [{ path: 'lines.length', exists: true }, true],
    [{ path: 'lines.2', exists: true }, false],
    [{ path: 'customer.note', exists: true }, true],
    [{ path: 'customer.toString', exists: true }, false],
    [{ path: '__proto__', exists: true }, false],
    [{ path: 'customer.country', in: ['at', 'de'] }, true],
    [{ path: 'customer.country', in: [] }, false],
    [{ path: 'total', gt: 12.5 }, false],
    [{ path: 'total', gte: 12.5 }, true],
    [{ path: 'total', lt: 13 }, true],
    [{ path: 'total', lte: 12 }, false],
    [{ path: 'total', gt: '1' }, false],
    [{ path: 'customer.country', gt: 'da' }, true],
    [{ path: 'customer.note', lt: 1 }, false],
    [{ not: { path: 'total', lt: 13 } }, false],
    [
      {
        and: [
          { path: 'total', gt: 1 },
          { path: 'customer.vip', equals: false },
        ],
      },
      true,
    ],
    [
      {
        or: [
          { path: 'total', gt: 99 },
          { path: 'customer.vip', equals: true },
        ],
      },
      false,
    ],
  ] as const) {
    test(`${JSON.stringify(filter)} ${expected ? 'wants' : 'does not want'} the payload`, () => {
      assert.equal(matches(filter), expected)
    })
  }

  test('of what is no object finds nothing at any path', () => {
    const filter = parsePayloadFilter({ path: 'a', exists: true }, 'f')
    for (const payload of [null, 1, 'a', true, []])
      assert.equal(matchesPayload(filter, payload), false)
  })

  test('that is malformed is refused, and the place is named', () => {
    for (const [filter, field] of [
      [1, 'f'],
      [[], 'f'],
      [{}, 'f.path'],
      [{ path: 'a' }, 'f'],
      [{ path: '', equals: 1 }, 'f.path'],
      [{ path: 'a', equals: {} }, 'f.equals'],
      [{ path: 'a', equals: 1, in: [] }, 'f.in'],
      [{ path: 'a', matches: '.*' }, 'f'],
      [{ path: 'a', in: 'b' }, 'f.in'],
      [{ path: 'a', in: [1, []] }, 'f.in.1'],
      [{ path: 'a', exists: 1 }, 'f.exists'],
      [{ path: 'a', gt: null }, 'f.gt'],
      [{ and: [] }, 'f.and'],
      [{ and: [{ path: 'a', equals: 1 }, { not: 3 }] }, 'f.and.1.not'],
      [{ or: [{ path: 'a', equals: 1 }], path: 'a' }, 'f.path'],
    ] as const) {
      assert.equal(refusedAt(filter), field, JSON.stringify(filter))
    }
  })

  test('past a limit is refused', () => {
    const one = { path: 'a', equals: 1 }
    const deep = (depth: number): unknown => (depth === 1 ? one : { not: deep(depth - 1) })
    const many = (parts: number) => ({ or: Array.from({ length: parts - 1 }, () => one) })
    const long = (chars: number) => ({ path: 'a', equals: 'x'.repeat(chars) })
    const values = (count: number) => ({ path: 'a', in: Array.from({ length: count }, () => 1) })
    for (const [make, max] of [
      [deep, FILTER_DEPTH_MAX],
      [many, FILTER_PARTS_MAX],
      [long, FILTER_CHARS_MAX],
      [values, FILTER_VALUES_MAX],
    ] as const) {
      assert.equal(refusedAt(make(max)), undefined)
      assert.notEqual(refusedAt(make(max + 1)), undefined)
    }
    // 1,000 characters a part, which are each within their bound.
    const large = (parts: number) => ({ or: Array.from({ length: parts }, () => long(1_000)) })
    assert.equal(refusedAt(large(15)), undefined)
    assert.ok(Buffer.byteLength(JSON.stringify(large(17))) > FILTER_BYTES_MAX)
    assert.equal(refusedAt(large(17)), 'f')
    assert.notEqual(refusedAt({ path: 'x'.repeat(FILTER_CHARS_MAX + 1), exists: true }), undefined)
  })
})
