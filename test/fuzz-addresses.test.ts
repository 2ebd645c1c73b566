// The address guard against another reading of the IANA special-purpose registries, made of big
// numbers: what is not globally reachable is refused, in every spelling that a URL or a resolver knows.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createAddressGuard } from '../src/outbound/address-guard.ts'
import { isGlobal, readAddress } from '../src/outbound/address-ranges.ts'
import { OutboundError } from '../src/outbound/outbound-error.ts'
import { fuzz } from './helpers/fuzz.ts'

type Block = readonly [network: bigint, bits: number]

function v4(text: string, bits: number): Block {
  return [text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n), bits]
}

/** The leading groups of a network; zeros follow. */
function v6(groups: string, bits: number): Block {
  const all = groups.split(':').map((group) => BigInt(`0x${group}`))
  return [
    all.reduce((sum, group) => sum * 65_536n + group, 0n) << BigInt(16 * (8 - all.length)),
    bits,
  ]
}

/** Registry entries that are not globally reachable; multicast and class E have registries of their own. */
const SPECIAL_V4 = [
  v4('0.0.0.0', 8),
  v4('10.0.0.0', 8),
  v4('100.64.0.0', 10),
  v4('127.0.0.0', 8),
  v4('169.254.0.0', 16),
  v4('172.16.0.0', 12),
  v4('192.0.0.0', 24),
  v4('192.0.2.0', 24),
  v4('192.88.99.0', 24),
  v4('192.168.0.0', 16),
  v4('198.18.0.0', 15),
  v4('198.51.100.0', 24),
  v4('203.0.113.0', 24),
  v4('224.0.0.0', 4),
  v4('240.0.0.0', 4),
]
const SPECIAL_V6 = [
  v6('2001:0', 23),
  v6('2001:db8', 32),
  v6('2002', 16),
  v6('3fff:0', 20),
  v6('64:ff9b:1', 48),
  v6('100:0:0:0', 64),
  v6('100:0:0:1', 64),
  v6('5f00', 16),
  v6('fc00', 7),
  v6('fe80', 10),
  v6('fec0', 10),
  v6('ff00', 8),
]
/** Where IPv6 ends at an IPv4 host: mapped, translated, NAT64. */
const EMBEDDED = [v6('0:0:0:0:0:ffff', 96), v6('0:0:0:0:ffff:0', 96), v6('64:ff9b:0:0:0:0', 96)]
const UNICAST = v6('2000', 3)

function within([network, bits]: Block, address: bigint, width: number): boolean {
  const shift = BigInt(width - bits)
  return address >> shift === network >> shift
}

function isGlobalV4(address: bigint): boolean {
  return !SPECIAL_V4.some((block) => within(block, address, 32))
}

function isGlobalV6(address: bigint): boolean {
  if (EMBEDDED.some((block) => within(block, address, 128))) {
    return isGlobalV4(address & 0xffff_ffffn)
  }
  return within(UNICAST, address, 128) && !SPECIAL_V6.some((block) => within(block, address, 128))
}

/** Addresses of all kinds, most at the borders of a block. */
function addresses(blocks: readonly Block[], width: number): fc.Arbitrary<bigint> {
  const most = (1n << BigInt(width)) - 1n
  const near = fc
    .tuple(fc.constantFrom(...blocks), fc.boolean(), fc.bigInt({ min: -2n, max: 2n }))
    .map(([[network, bits], atEnd, step]) => {
      const address = network + (atEnd ? 1n << BigInt(width - bits) : 0n) + step
      return address < 0n ? 0n : address > most ? most : address
    })
  const inside = fc
    .tuple(fc.constantFrom(...blocks), fc.bigInt({ min: 0n, max: most }))
    .map(([[network, bits], any]) => network + (any & (most >> BigInt(bits))))
  return fc.oneof(near, inside, fc.bigInt({ min: 0n, max: most }))
}

const addresses4 = addresses(SPECIAL_V4, 32)
const addresses6 = fc.oneof(
  addresses([...SPECIAL_V6, ...EMBEDDED, UNICAST], 128),
  fc
    .tuple(fc.constantFrom(...EMBEDDED), addresses4)
    .map(([[network], address]) => network + address),
)

function dotted(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 255n)).join('.')
}

/** One of the spellings of IPv6: groups in either case, zeros kept or cut, the tail dotted or not. */
const spelled6 = (address: bigint): fc.Arbitrary<string> =>
  fc
    .tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([pad, upper, dots, cut]) => {
      const groups = Array.from({ length: dots ? 6 : 8 }, (_, index) => {
        const group = ((address >> BigInt(16 * (7 - index))) & 0xffffn).toString(16)
        return pad ? group.padStart(4, '0') : group
      })
      const whole = [...groups, ...(dots ? [dotted(address & 0xffff_ffffn)] : [])].join(':')
      const text = cut ? whole.replace(/(?:^|:)0+(?::0+)+(?::|$)/, '::') : whole
      return upper ? text.toUpperCase() : text
    })

/** What inet_aton and a URL take: fewer parts, octal, hexadecimal. */
const spelled4 = (address: bigint): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 }),
    )
    .map(([count, bases]) => {
      const left = Array.from(
        { length: count - 1 },
        (_, index) => (address >> BigInt(24 - 8 * index)) & 255n,
      )
      const last = address & ((1n << BigInt(8 * (5 - count))) - 1n)
      return [...left, last]
        .map((part, index) => {
          const base = bases[index] ?? 10
          return (base === 16 ? '0x' : base === 8 ? '0' : '') + part.toString(base)
        })
        .join('.')
    })

const guard = createAddressGuard({ allow: [] })

function refuses(url: string): boolean {
  try {
    guard.checkLiteral(new URL(url))
    return false
  } catch (error) {
    assert.ok(error instanceof OutboundError && error.class === 'guard', String(error))
    return true
  }
}

function judged(text: string): boolean | undefined {
  const address = readAddress(text)
  return address === undefined ? undefined : isGlobal(address)
}

fuzz({
  name: 'addresses',
  cases: 700,
  claims: {
    'an IPv4 address is global where the registry says so': fc.property(addresses4, (address) => {
      assert.equal(judged(dotted(address)), isGlobalV4(address))
    }),
    'an IPv4 address is refused in every spelling that a URL takes': fc.property(
      addresses4.chain((address) => fc.tuple(fc.constant(address), spelled4(address))),
      ([address, text]) => {
        assert.equal(refuses(`http://${text}/`), !isGlobalV4(address), text)
      },
    ),
    'an IPv6 address is judged by its bits or by the IPv4 host that it ends at': fc.property(
      addresses6.chain((address) => fc.tuple(fc.constant(address), spelled6(address))),
      ([address, text]) => {
        assert.equal(judged(text), isGlobalV6(address), text)
        assert.equal(refuses(`http://[${text}]:8443/x`), !isGlobalV6(address), text)
      },
    ),
    'a zone, a prefix or any other text is no address': fc.property(
      fc.oneof(
        addresses6
          .chain(spelled6)
          .chain((text) => fc.constantFrom(`${text}%1`, `${text}%eth0`, `${text}/64`)),
        addresses4.map((address) => `${dotted(address)}/8`),
        addresses4.map((address) => `${dotted(address)}.`),
        addresses4.map((address) => ` ${dotted(address)}`),
        fc.string({ unit: 'binary' }).filter((text) => !/^[\d.]+$|:/.test(text)),
      ),
      (text) => {
        assert.equal(judged(text), undefined)
      },
    ),
    'an allowance opens its block and nothing beside it': fc.property(
      addresses4,
      fc.integer({ min: 1, max: 32 }),
      addresses4,
      fc.boolean(),
      (network, bits, other, nearby) => {
        const address = nearby ? network ^ (other & 1n) : other
        const opened = createAddressGuard({ allow: [`${dotted(network)}/${bits}`] })
        const open = isGlobalV4(address) || within([network, bits], address, 32)
        const url = new URL(`http://${dotted(address)}/`)
        if (open) opened.checkLiteral(url)
        else assert.throws(() => opened.checkLiteral(url), OutboundError)
      },
    ),
    'an allowance is read or refused with its own text, never another error': fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.domain(),
        addresses6.chain(spelled6),
        fc.ipV4Extended(),
      ),
      (entry) => {
        try {
          createAddressGuard({ allow: [entry] })
        } catch (error) {
          assert.ok(error instanceof Error)
          assert.match(error.message, /^OUTBOUND_ALLOW: /)
        }
      },
    ),
  },
})
