// The audit of the crash run finds what it is there to find.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { audit } from './crash/audit.ts'
import type { Accounts, DeliveryRow } from './crash/audit.ts'
import { createChance } from './crash/chance.ts'
import { inputOf, readResult, resultOf } from './crash/content.ts'
import type { Item } from './crash/load.ts'
import type { Arrival } from './crash/receiver.ts'
import { newSiege } from './crash/siege.ts'
import type { AttemptRow } from './crash/siege.ts'

const LATER: Item = {
  token: 'later-1',
  kind: 'later',
  told: { as: 'accepted', runId: 'run', deliveryId: null, canceled: false },
}

const DELIVERY: DeliveryRow = {
  id: 'delivery',
  run_id: 'run',
  state: 'succeeded',
  reason: null,
  tries: 2,
  retry: '{"scheduleMs":[100]}',
  ended_at_ms: 2,
  due_at_ms: null,
  lease_id: null,
}

const ARRIVAL: Arrival = {
  atMs: 1,
  token: 'later-1',
  exact: true,
  delivery: 'delivery',
  behaviour: 'take',
  answer: 'taken',
  duplicate: false,
}

function attempt(id: string, status: number | null, failure: string | null = null): AttemptRow {
  return {
    id,
    delivery_id: 'delivery',
    began_at_ms: 1,
    duration_us: 1,
    status,
    error_class: failure,
    manual: 0,
  }
}

/** One item that failed once and was delivered then. */
function accounts(): Accounts {
  const made = [attempt('a', 500), attempt('b', 200)]
  const siege = newSiege()
  siege.attempts.set('a', made[0]!)
  return {
    ledger: [LATER],
    arrivals: [ARRIVAL],
    siege,
    runs: new Map([['run', { id: 'run', status: 'succeeded', error_code: null, ended_at_ms: 1 }]]),
    deliveries: [DELIVERY],
    attempts: new Map([['delivery', made]]),
    leftovers: [],
    damage: [],
    deaths: [],
  }
}

/** What the audit says is wrong. */
function wrong(changed: Partial<Accounts>): string[] {
  return audit({ ...accounts(), ...changed })
    .filter(({ violations }) => violations.length > 0)
    .map(({ says }) => says)
}

const ENDED = 'every accepted run has ended, a failed or canceled one with its reason'
const DELIVERED = 'every accepted item was delivered, or its delivery ended with its reason'
const ARRIVED = 'what is said to be delivered has arrived, byte for byte'
const NOTHING_ELSE = 'nothing arrived that was not sent, and no byte changed'
const AGREE = 'attempts agree with what their delivery says'
const KEPT = 'an attempt once written neither changes nor goes'
const AGAIN = 'an item arrived again at most as often as a kill found it leased'

const delivered = (change: Partial<DeliveryRow>): Partial<Accounts> => ({
  deliveries: [{ ...DELIVERY, ...change }],
})
const arrived = (change: Partial<Arrival>): Partial<Accounts> => ({
  arrivals: [{ ...ARRIVAL, ...change }],
})
const told = (told: Item['told'], kind: Item['kind'] = 'later'): Partial<Accounts> => ({
  ledger: [{ token: 'later-1', kind, told }],
})
const attempts = (...made: AttemptRow[]): Partial<Accounts> => ({
  attempts: new Map([['delivery', made]]),
})

const CASES: readonly (readonly [string, Partial<Accounts>, string[]])[] = [
  ['nothing, where all is well', {}, []],
  ['a run that is lost', { runs: new Map() }, [ENDED]],
  ['a delivery that is lost', { deliveries: [], attempts: new Map() }, [DELIVERED, KEPT]],
  [
    'a delivery that goes on',
    delivered({ ended_at_ms: null, state: 'waiting' }),
    [DELIVERED, AGREE],
  ],
  ['one discarded for no reason', delivered({ state: 'discarded' }), [DELIVERED, AGREE]],
  ['one that never arrived', { arrivals: [] }, [ARRIVED]],
  ['one that arrived for another', arrived({ delivery: 'other' }), [ARRIVED]],
  ['one whose receiver answered nothing', arrived({ answer: 'none' }), [ARRIVED]],
  ['one that arrived with another byte', arrived({ exact: false }), [ARRIVED, NOTHING_ELSE]],
  ['one that nobody sent', arrived({ token: 'other' }), [ARRIVED, NOTHING_ELSE]],
  [
    'one that was refused and yet is there',
    told({ as: 'refused', runId: 'run', status: 503, code: '' }),
    ['what was refused left nothing behind'],
  ],
  [
    'one that was canceled and yet arrived',
    told({ as: 'accepted', runId: 'run', deliveryId: null, canceled: true }, 'laterCanceled'),
    ['what was canceled before it ended was not delivered'],
  ],
  [
    'what a waiting caller was told and never arrived',
    { ...told({ as: 'delivered' }, 'waited'), arrivals: [] },
    ['what a caller was told to be delivered has arrived'],
  ],
  [
    'two deliveries of one run',
    { deliveries: [DELIVERY, { ...DELIVERY, id: 'second', tries: 0 }] },
    ['a run has one delivery at most', AGREE],
  ],
  [
    'a run under a key that ran twice',
    {
      ledger: [{ ...LATER, kind: 'laterKeyed' }],
      arrivals: [ARRIVAL, { ...ARRIVAL, delivery: 'other' }],
    },
    ['what was handed over again under its Idempotency-Key ran once'],
  ],
  ['an attempt that is missing', attempts(attempt('b', 200)), [AGREE, KEPT]],
  ['an attempt that changed', attempts(attempt('a', 503), attempt('b', 200)), [KEPT]],
  ['a success without one', attempts(attempt('a', 500), attempt('b', 200, 'reset')), [AGREE]],
  ['an arrival too many', { arrivals: [ARRIVAL, { ...ARRIVAL, duplicate: true }] }, [AGAIN]],
  ['what is left', { leftovers: ['x'] }, ['nothing waits or is leased at the end']],
  ['damage', { damage: ['x'] }, ['the database is whole']],
  ['a server that died', { deaths: ['x'] }, ['no server ended by itself']],
]
for (const [what, changed, expected] of CASES) {
  test(`the audit finds ${what}`, () => {
    assert.deepEqual(wrong(changed), expected)
  })
}

test('an arrival that a kill explains is no violation, and another is', () => {
  const again = { ...ARRIVAL, duplicate: true }
  const { siege } = accounts()
  siege.leases.set('delivery', new Set(['lease']))
  assert.deepEqual(wrong({ siege, arrivals: [ARRIVAL, again] }), [])
  assert.deepEqual(wrong({ siege, arrivals: [ARRIVAL, again, again] }), [AGAIN])
})

test('what arrives tells its token, and any byte that changed', () => {
  for (const fn of ['echo', 'say'] as const) {
    const bytes = resultOf(fn, 'later-1-2')
    assert.deepEqual(readResult(fn, bytes), { token: 'later-1-2', exact: true })
    for (const at of [0, 7, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      assert.equal(readResult(fn, changed).exact, false)
    }
    assert.equal(readResult(fn, bytes.subarray(1)).exact, false)
  }
  assert.notDeepEqual(inputOf('a'), inputOf('b'))
})

test('the same seed chooses the same, and each part for itself', () => {
  const draw = (seed: number, name: string): number[] => {
    const chance = createChance(seed).fork(name)
    return Array.from({ length: 20 }, () => chance.whole(0, 1_000_000))
  }
  assert.deepEqual(draw(1, 'load'), draw(1, 'load'))
  assert.notDeepEqual(draw(1, 'load'), draw(2, 'load'))
  assert.notDeepEqual(draw(1, 'load'), draw(1, 'kills'))
})
