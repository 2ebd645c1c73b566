// Which IP addresses are global: the IANA special-purpose registries as code. Pure; the operator's
// allowances and the server's own addresses are the business of address-guard.ts.
import { BlockList, isIP } from 'node:net'

/** IPv4 that is not the public internet: the IANA special-purpose registry, multicast and reserved. */
const SPECIAL_IPV4 = toBlockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])

/**
 * The one block IANA gives out as global unicast. All else (loopback, ULA, link-local, site-local,
 * multicast, discard-only, SRv6 5f00::/16, NAT64 64:ff9b:1::/48, …) is outside, and so refused.
 */
const GLOBAL_IPV6 = toBlockList(['2000::/3'])

/** Inside it: protocol assignments with Teredo, documentation, and 6to4, which embeds any IPv4. */
const SPECIAL_IPV6 = toBlockList(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

/** IPv6 forms that end at an IPv4 host: mapped, translated (RFC 2765) and NAT64 (RFC 6052). */
const IPV4_PREFIXES = [
  '00000000000000000000ffff',
  '0000000000000000ffff0000',
  '0064ff9b0000000000000000',
]

/** One address, in the form in which it is judged. */
export interface Address {
  text: string
  family: 'ipv4' | 'ipv6'
}

/**
 * Reads an address as the dialled host: IPv6 forms that end at an IPv4 host become that IPv4
 * address. Undefined for anything else than a plain address; a zone id (`%eth0`) is none.
 */
export function readAddress(text: string): Address | undefined {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 0) return undefined
  if (version === 4) return { text, family: 'ipv4' }
  const hex = expandIpv6(text)
  return IPV4_PREFIXES.includes(hex.slice(0, 24))
    ? { text: Buffer.from(hex.slice(24), 'hex').join('.'), family: 'ipv4' }
    : { text, family: 'ipv6' }
}

/** True for an address of the public internet. */
export function isGlobal({ text, family }: Address): boolean {
  if (family === 'ipv4') return !SPECIAL_IPV4.check(text, family)
  return GLOBAL_IPV6.check(text, family) && !SPECIAL_IPV6.check(text, family)
}

/** A matcher of CIDR blocks; throws for one that is none. */
export function toBlockList(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [, network = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(block) ?? []
    const version = network.includes('%') ? 0 : isIP(network)
    const width = version === 4 ? 32 : 128
    const prefix = bits === undefined ? width : Number(bits)
    if (version === 0 || prefix > width) throw new Error(`"${block}" is not an address or a CIDR.`)
    list.addSubnet(network, prefix, version === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

/** The 32 hex digits of a valid IPv6 address. */
function expandIpv6(text: string): string {
  // The URL parser turns every valid spelling, dotted tails included, into groups of hex digits.
  const groups = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const [head = '', tail] = groups.split('::')
  const pad = (part: string): string[] =>
    part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0'))
  const left = pad(head)
  const right = tail === undefined ? [] : pad(tail)
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0000'), ...right].join('')
}
