// Decides which addresses may be dialled. It judges what a name resolved to at the moment of dialling,
// so that a name which changes its address between check and use (DNS rebinding) gains nothing.
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isGlobal, readAddress, toBlockList, type Address } from './address-ranges.ts'
import { OutboundError, toOutboundError } from './outbound-error.ts'

/** Resolves a name to its addresses; the system's resolver unless a test gives another. */
export type Resolve = (hostname: string) => Promise<{ address: string; family: number }[]>

export interface AddressGuardOptions {
  /** Hosts and CIDRs that may be called although they are not global. */
  allow: readonly string[]
  /** Origins of this server (PUBLIC_URL and the listening address). */
  ownOrigins?: () => readonly string[]
  resolve?: Resolve
}

export interface AddressGuard {
  /** True where the origin is exactly one of this server's own. */
  isOwn(url: URL): boolean
  /** Throws where the URL is this server's own and its path is not one that chaining may use. */
  checkPath(url: URL): void
  /** Throws where the URL's host is an address, not a name, that may not be dialled. */
  checkLiteral(url: URL): void
  /** A lookup for node:net that hands out only addresses which may be dialled for this origin. */
  lookupFor(origin: URL): LookupFunction
  /** Throws unless every address of the URL's host may be dialled: for a proxy, which picks one. */
  checkAll(url: URL): Promise<void>
}

/** What a function may call on its own server; everything else could be reached with its trust. */
const OPEN_OWN_PATHS = ['/api/run', '/api/multipart/run', '/hooks', '/bin']
/** An encoded slash, backslash or percent, which a proxy before the server could decode anew. */
const ENCODED_SEPARATOR = /%(?:2f|5c|25)/i

const THIS_MACHINE = toBlockList(['127.0.0.0/8', '0.0.0.0/8', '::1', '::'])

/** Builds the guard; throws for an entry of `allow` that is neither host nor CIDR. */
export function createAddressGuard(options: AddressGuardOptions): AddressGuard {
  const { blocks, hosts } = readAllowed(options.allow)
  const resolve = options.resolve ?? ((hostname) => systemLookup(hostname, { all: true }))

  const ownUrls = rememberUrls(options.ownOrigins ?? (() => []))
  const isOwn = (url: URL): boolean => ownUrls().some(({ origin }) => origin === url.origin)

  /** Why the address may not be dialled for this origin; undefined where it may. */
  function refusalOf(url: URL, text: string): OutboundError | undefined {
    const address = readAddress(text)
    if (address === undefined) return refusal(url, 'is not a plain IP address')
    if (isOwn(url)) return undefined
    // Another spelling of this server's own address would get around the rule on its paths.
    const own = ownUrls().find((candidate) => portOf(candidate) === portOf(url))
    if (own !== undefined && isThisMachine(address)) {
      return refusal(url, `is this server itself; write its address as ${own.origin}`)
    }
    const allowed = hosts.has(nameOf(url)) || blocks.check(address.text, address.family)
    if (allowed || isGlobal(address)) return undefined
    return refusal(
      url,
      'is not an address of the public internet; its operator can allow it with OUTBOUND_ALLOW',
    )
  }

  function check(url: URL, address: string): void {
    const refused = refusalOf(url, address)
    if (refused !== undefined) throw refused
  }

  async function addressesOf(url: URL): Promise<{ address: string; family: number }[]> {
    const literal = literalOf(url)
    return literal === undefined
      ? await resolve(url.hostname)
      : [{ address: literal, family: isIP(literal) }]
  }

  /** The addresses that may be dialled; where there is none, throws the first refusal. */
  async function permitted(url: URL): Promise<{ address: string; family: number }[]> {
    const addresses = await addressesOf(url)
    const passed = addresses.filter(({ address }) => refusalOf(url, address) === undefined)
    if (passed.length > 0) return passed
    for (const { address } of addresses) check(url, address)
    throw new OutboundError('dns', `${url.host}: its name has no address.`)
  }

  return {
    isOwn,
    checkPath(url) {
      if (!isOwn(url)) return
      const path = url.pathname
      const open = OPEN_OWN_PATHS.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
      if (!open || ENCODED_SEPARATOR.test(path)) {
        throw new OutboundError(
          'guard',
          `${url.host}: of this server's own paths only ${OPEN_OWN_PATHS.join(', ')} may be called.`,
        )
      }
    },
    checkLiteral(url) {
      const literal = literalOf(url)
      if (literal !== undefined) check(url, literal)
    },
    lookupFor:
      (origin) =>
      (_hostname, { all }, callback) => {
        permitted(origin).then(
          (addresses) => {
            if (all === true) callback(null, addresses)
            else callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
          },
          (error: unknown) => {
            callback(toOutboundError(error, origin), '')
          },
        )
      },
    async checkAll(url) {
      const addresses = await addressesOf(url)
      if (addresses.length === 0) throw new OutboundError('dns', `${url.host}: no address.`)
      for (const { address } of addresses) check(url, address)
    },
  }
}

/** Parses the origins anew only when they change: they are asked for several times on each send. */
function rememberUrls(origins: () => readonly string[]): () => readonly URL[] {
  let known = ''
  let urls: readonly URL[] = []
  return () => {
    const list = origins()
    const text = list.join(' ')
    if (text !== known) {
      known = text
      urls = list.map((origin) => new URL(origin))
    }
    return urls
  }
}

function readAllowed(allow: readonly string[]): {
  blocks: ReturnType<typeof toBlockList>
  hosts: Set<string>
} {
  const cidrs: string[] = []
  const hosts = new Set<string>()
  for (const entry of allow) {
    const bare = entry.replace(/^\[|\]$/g, '')
    if (bare.includes('/') || isIP(bare) !== 0) cidrs.push(readCidr(entry, bare))
    else hosts.add(readHost(entry))
  }
  return { blocks: toBlockList(cidrs), hosts }
}

function readCidr(entry: string, bare: string): string {
  try {
    toBlockList([bare])
    return bare
  } catch (cause) {
    throw badEntry(entry, cause)
  }
}

function readHost(entry: string): string {
  const url = /^[^\s:/?#@*\\]+$/.test(entry) ? `http://${entry}/` : ''
  // A number in another spelling (0x7f.1) would become an address: let the operator write that.
  if (!URL.canParse(url) || isIP(new URL(url).hostname) !== 0) throw badEntry(entry)
  return nameOf(new URL(url))
}

function badEntry(entry: string, cause?: unknown): Error {
  return new Error(
    `OUTBOUND_ALLOW: "${entry}" is neither a host name, an IP address nor a CIDR block; ` +
      'write entries such as crm.internal, 10.1.2.3 or 10.0.0.0/8, without scheme, port or *.',
    { cause },
  )
}

/** Loopback, the unspecified address, and every address of this machine's interfaces. */
function isThisMachine(address: Address): boolean {
  if (THIS_MACHINE.check(address.text, address.family)) return true
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  // A set would miss other spellings of one IPv6 address.
  const addresses = own.map((entry) => readAddress(entry.address)?.text).filter(isText)
  return toBlockList(addresses).check(address.text, address.family)
}

function isText(text: string | undefined): text is string {
  return text !== undefined
}

function portOf(url: URL): string {
  return url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
}

/** The host in the one spelling in which names are compared. */
function nameOf(url: URL): string {
  return url.hostname.replace(/\.$/, '')
}

function literalOf(url: URL): string | undefined {
  const bare = url.hostname.replace(/^\[|\]$/g, '')
  return isIP(bare) === 0 ? undefined : bare
}

function refusal(url: URL, reason: string): OutboundError {
  return new OutboundError('guard', `${url.host} ${reason}.`)
}
