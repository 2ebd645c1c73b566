// Which addresses may be dialled: each special range, in each spelling a caller can give it.
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import {
  createAddressGuard,
  type AddressGuard,
  type AddressGuardOptions,
} from '../src/outbound/address-guard.ts'
import { isGlobal, readAddress } from '../src/outbound/address-ranges.ts'
import { OutboundError } from '../src/outbound/outbound-error.ts'
import { formatUrl, parseRequestSpec } from '../src/request-spec.ts'

/** Addresses as a resolver or a URL gives them, each by the range it stands for. */
const SPECIAL = {
  'this network': ['0.0.0.0', '0.255.255.255'],
  'private use': ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  'shared (CGNAT)': ['100.64.0.0', '100.127.255.255'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
  'link-local, cloud metadata': ['169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1'],
  'protocol assignments': ['192.0.0.1', '192.0.0.255', '2001:1::1', '2001:20::1', '2001:1ff::'],
  documentation: [
    '192.0.2.1',
    '198.51.100.7',
    '203.0.113.9',
    '2001:db8::1',
    '3fff::1',
    '3fff:fff::',
  ],
  '6to4': ['192.88.99.1', '2002:7f00:1::', '2002:a00:1::1', '2002:808:808::'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  'reserved and broadcast': ['240.0.0.1', '255.255.255.255'],
  unspecified: ['::', '0::0'],
  'IPv4-mapped': [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '::FFFF:169.254.169.254',
  ],
  'IPv4-translated': ['::ffff:0:127.0.0.1', '::ffff:0:a00:1'],
  'IPv4-compatible': ['::127.0.0.1', '::10.0.0.1', '::8.8.8.8'],
  NAT64: ['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::808:808', '64:ff9b:1:ffff::1'],
  Teredo: ['2001::1', '2001:0:808:808::1'],
  'discard-only and dummy': ['100::1', '100:0:0:1::1'],
  'SRv6 SIDs': ['5f00::1', '5f00:ffff::1'],
  'unique local': ['fc00::1', 'fd12:3456:789a::1', 'fdff:ffff::1'],
  'site-local': ['fec0::1', 'feff::1'],
  unallocated: ['4000::1', '6000::1', 'e000::1', '1::1'],
  'with a zone': ['fe80::1%eth0', '2606:4700::1%1', '::1%lo'],
  'no address': [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x7f000001',
    '[::1]',
    '8.8.8.8/32',
  ],
}

const GLOBAL = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.167.255.255',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2000::1',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:db9::1',
  '2003::1',
  '2606:4700:4700::1111',
  '3ffe::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
]

/** Ways to write 127.0.0.1 and others as a host, that the URL parser understands. */
const SPELLINGS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  '0x7f.1',
  '0x7f000001',
  '0X7F.0X0.0X0.0X1',
  '0177.0.0.1',
  '017700000001',
  '2130706433',
  '１２７.０.０.１',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '127%2e0%2e0%2e1',
  '%31%32%37.0.0.1',
  '0',
  '0x0',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::FFFF:7F00:1]',
  '[64:ff9b::10.0.0.1]',
  '[fe80::1]',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '169.16689662',
]

for (const [range, addresses] of Object.entries(SPECIAL)) {
  test(`${range} is not global`, () => {
    for (const text of addresses) {
      const address = readAddress(text)
      assert.ok(address === undefined || !isGlobal(address), text)
    }
  })
}

test('addresses next to every special range are global', () => {
  for (const text of GLOBAL) {
    const address = readAddress(text)
    assert.ok(address !== undefined && isGlobal(address), text)
  }
})

test('the tables hold more than sixty spellings', () => {
  assert.ok(Object.values(SPECIAL).flat().length + SPELLINGS.length > 60)
})

for (const spelling of SPELLINGS) {
  test(`the host ${spelling} is refused as the address it is`, () => {
    const guard = createAddressGuard({ allow: ['192.168.0.0/16'] })
    refused(() => {
      guard.checkLiteral(new URL(`http://${spelling}/`))
    })
    const bare = spelling.replace(/^\[|\]$/g, '')
    for (const hostname of [spelling, bare]) {
      const { spec } = parseRequestSpec({ hostname }, 'fetch')
      refused(() => {
        guard.checkLiteral(new URL(formatUrl(spec)))
      })
    }
  })
}

test('a name is judged by what it resolves to, each time', async () => {
  const answers = [['8.8.8.8'], ['10.0.0.1', '8.8.4.4'], ['10.0.0.1', '::1'], ['fe80::1%eth0'], []]
  const guard = createAddressGuard({
    allow: [],
    resolve: async () =>
      await Promise.resolve((answers.shift() ?? []).map((address) => ({ address, family: 4 }))),
  })
  assert.deepEqual(await dial(guard, 'http://a.example/'), ['8.8.8.8'])
  assert.deepEqual(await dial(guard, 'http://a.example/'), ['8.8.4.4'])
  await assert.rejects(dial(guard, 'http://a.example/'), { class: 'guard' })
  await assert.rejects(dial(guard, 'http://a.example/'), { class: 'guard' })
  await assert.rejects(dial(guard, 'http://a.example/'), { class: 'dns' })
})

test('a refusal does not tell what an inside name resolves to', async () => {
  const guard = createAddressGuard({ allow: [], ...resolving('10.9.8.7') })
  await assert.rejects(dial(guard, 'http://db.internal/'), (error: Error) => {
    assert.doesNotMatch(error.message, /10\.9/)
    assert.match(error.message, /db\.internal.*OUTBOUND_ALLOW/)
    return true
  })
})

test('an allowed host may have any address, an allowed block any name', async () => {
  const byName = createAddressGuard({ allow: ['CRM.internal'], ...resolving('10.0.0.1') })
  assert.deepEqual(await dial(byName, 'http://crm.internal/'), ['10.0.0.1'])
  assert.deepEqual(await dial(byName, 'http://crm.internal./'), ['10.0.0.1'])
  await assert.rejects(dial(byName, 'http://x.crm.internal/'), { class: 'guard' })
  await assert.rejects(dial(byName, 'http://internal/'), { class: 'guard' })

  const byBlock = createAddressGuard({
    allow: ['10.0.0.0/30', 'fd00::/8'],
    ...resolving('10.0.0.3'),
  })
  assert.deepEqual(await dial(byBlock, 'http://any.example/'), ['10.0.0.3'])
  for (const host of ['10.0.0.1', '[::ffff:10.0.0.1]', '[64:ff9b::10.0.0.1]', '[fd12::1]']) {
    byBlock.checkLiteral(new URL(`http://${host}/`))
  }
  for (const host of ['10.0.0.4', '127.0.0.1', '[fc00::1]']) {
    refused(() => {
      byBlock.checkLiteral(new URL(`http://${host}/`))
    })
  }
})

test('an entry that is neither host nor CIDR stops the start with a sentence', () => {
  for (const entry of [
    '',
    ' ',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    '10.0.0.0/',
    '/8',
    'localhost:8080',
    'http://crm.internal',
    '*.internal',
    'a b',
    '0x7f.1',
    '1.2.3',
    'fe80::1%eth0',
    'user@host',
  ]) {
    assert.throws(
      () => createAddressGuard({ allow: [entry] }),
      (error: Error) => error.message.startsWith(`OUTBOUND_ALLOW: "${entry}" is neither`),
      entry,
    )
  }
  createAddressGuard({
    allow: ['localhost', '10.1.2.3', '::1', '[::1]', '10.1.2.3/8', 'bücher.example'],
  })
})

test('any way to this machine at its own port is refused, but by the own origin', async () => {
  const ownOrigins = (): string[] => ['http://127.0.0.1:8080', 'https://hooks.example']
  const allow = ['0.0.0.0/0', '::/0', 'self.internal', 'hooks.example']
  const guard = createAddressGuard({ allow, ownOrigins, ...resolving('127.0.0.1') })
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const hosts = interfaces.map(({ address, family }) =>
    family === 'IPv6' ? `[${address}]` : address,
  )
  for (const host of [...hosts, '127.9.9.9', '[::1]', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]']) {
    if (host === '127.0.0.1') continue
    for (const url of [
      `http://${host}:8080/hooks`,
      `https://${host}:8080/hooks`,
      `https://${host}/`,
    ]) {
      refused(() => {
        guard.checkLiteral(new URL(url))
      })
    }
    guard.checkLiteral(new URL(`http://${host}:8081/`))
  }
  await assert.rejects(dial(guard, 'http://self.internal:8080/'), { class: 'guard' })
  assert.deepEqual(await dial(guard, 'http://self.internal:8081/'), ['127.0.0.1'])
  assert.deepEqual(await dial(guard, 'http://127.0.0.1:8080/'), ['127.0.0.1'])
  assert.deepEqual(await dial(guard, 'https://hooks.example/'), ['127.0.0.1'])
})

test('for a proxy every address of a name must pass', async () => {
  const guard = createAddressGuard({ allow: [], ...resolving('8.8.8.8', '10.0.0.1') })
  await assert.rejects(guard.checkAll(new URL('http://a.example/')), { class: 'guard' })
  await assert.rejects(guard.checkAll(new URL('http://[::1]/')), { class: 'guard' })
  await guard.checkAll(new URL('http://8.8.8.8/'))
})

function resolving(...addresses: string[]): Pick<AddressGuardOptions, 'resolve'> {
  return {
    resolve: async () =>
      await Promise.resolve(addresses.map((address) => ({ address, family: 4 }))),
  }
}

/** The addresses that node:net would be handed for a connection to this origin. */
async function dial(guard: AddressGuard, url: string): Promise<string[]> {
  return await new Promise((resolve, reject) => {
    guard.lookupFor(new URL(url))(new URL(url).hostname, { all: true }, (error, addresses) => {
      if (error !== null) reject(error)
      else resolve(typeof addresses === 'string' ? [addresses] : addresses.map((a) => a.address))
    })
  })
}

function refused(check: () => void): void {
  assert.throws(check, (error) => error instanceof OutboundError && error.class === 'guard')
}
