// Request specs as hostile callers write them: refused with an AppError, or read as something harmless.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AppError } from '../src/errors.ts'
import type { RequestSpec } from '../src/model.ts'
import { formatUrl, parseRequestSpec } from '../src/request-spec.ts'
import type { ParsedSpec } from '../src/request-spec.ts'
import { fuzz } from './helpers/fuzz.ts'

const FIELDS =
  'protocol hostname host port path method headers auth body maxRedirects timeout'.split(' ')
/** What would dial another machine, or trust one that proves nothing. */
const REFUSED = 'socketPath lookup localAddress servername rejectUnauthorized ca agent key'
  .split(' ')
  .filter((name) => name !== 'agent')

const purposes = fc.constantFrom('fetch' as const, 'callback' as const)

/** Text with the characters that end lines, hosts, paths and headers somewhere. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '\r\n',
          '\n',
          '\0',
          '/',
          '//',
          '\\',
          '?',
          '#',
          '@',
          ':',
          '[',
          ']',
          '%',
          '%2f',
          '..',
          '.',
        ],
        ...[
          'a',
          'é',
          'ﬀ',
          '：',
          '／',
          '\u00ad',
          '\u200d',
          '1',
          '0x7f',
          '::1',
          ' ',
          '\t',
          'xn--',
          '{',
          '}',
        ],
        'example.com',
        'http:',
        '\ud800',
      ),
      { maxLength: 6 },
    )
    .map((pieces) => pieces.join('')),
)

const hosts = fc.oneof(
  fc.domain(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.tuple(fc.domain(), fc.nat({ max: 70_000 })).map(([host, port]) => `${host}:${port}`),
  text,
)

const headers = fc.oneof(
  fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'Accept',
        'accept',
        'Cookie',
        'Authorization',
        'Host',
        'te',
        '__proto__',
        'X-A',
      ),
      fc.constantFrom(
        'Content-Length',
        'transfer-encoding',
        'Wasmhook-Hops',
        'constructor',
        'Proxy-X',
      ),
      text,
    ),
    fc.oneof(text, fc.integer(), fc.array(text, { maxLength: 3 }), fc.jsonValue({ maxDepth: 1 })),
    { maxKeys: 5 },
  ),
  fc.jsonValue({ maxDepth: 1 }),
)

const options = fc.record(
  {
    protocol: fc.oneof(fc.constantFrom('http', 'HTTPS:', 'http://', 'ftp:', 'file:'), text),
    hostname: hosts,
    host: hosts,
    port: fc.oneof(fc.integer(), fc.nat({ max: 65_535 }).map(String), text, fc.double()),
    path: fc.oneof(fc.webPath(), text),
    method: fc.oneof(fc.constantFrom('get', 'POST', 'connect', 'TRACE', 'M-SEARCH'), text),
    headers,
    auth: text,
    body: fc.oneof(text, fc.jsonValue()),
    maxRedirects: fc.oneof(fc.integer({ min: -1, max: 25 }), text),
    timeout: fc.oneof(fc.integer(), fc.maxSafeNat(), text, fc.double()),
    [`x${'y'.repeat(80)}`]: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

const mostlyRight = fc.record(
  {
    protocol: fc.constantFrom('http:', 'https:'),
    hostname: hosts,
    port: fc.integer({ min: 1, max: 65_535 }),
    path: fc.oneof(fc.webPath(), text),
    method: fc.constantFrom('get', 'POST', 'x'),
    headers: fc.dictionary(
      fc.constantFrom('a', 'B', '__proto__', 'cookie'),
      fc.stringMatching(/^[ -~]*$/),
    ),
    auth: fc.string(),
    body: fc.oneof(fc.string({ unit: 'binary' }), fc.object()),
    maxRedirects: fc.nat({ max: 20 }),
    timeout: fc.integer({ min: 1, max: 1e9 }),
  },
  { requiredKeys: ['hostname'] },
)

/** The spec, or undefined where it is refused as it may be; anything else thrown is a finding. */
function read(value: unknown, purpose: 'fetch' | 'callback'): ParsedSpec | undefined {
  try {
    return parseRequestSpec(value, purpose)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    assert.ok(['INVALID_SPEC', 'INVALID_JSON'].includes(error.code), error.code)
    return undefined
  }
}

function isHarmless({ spec, warnings }: ParsedSpec, purpose: 'fetch' | 'callback'): void {
  const { protocol, hostname, port, path, method, headers, body, maxRedirects, timeoutMs } = spec
  assert.ok(['http:', 'https:'].includes(protocol))
  assert.match(hostname, /^[^\s/?#@\\[\]]+$/)
  assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535)
  assert.match(path, /^\/[!-~]*$/)
  assert.ok(method === undefined || /^[!-`{-~]+$/.test(method))
  assert.ok(!['CONNECT', 'TRACE'].includes(method ?? ''))
  for (const [name, value] of Object.entries(headers)) {
    assert.match(name, /^[!#$%&'*+.^_`|~0-9a-z-]+$/)
    assert.match(value, /^[\t\x20-\xff]*$/)
    assert.doesNotMatch(value, /\x7f/)
    assert.ok(!['host', 'content-length', 'transfer-encoding', 'connection', 'te'].includes(name))
    assert.doesNotMatch(name, /^(?:wasmhook-|proxy-)/)
  }
  assert.ok(purpose === 'fetch' || body === undefined)
  assert.ok(maxRedirects === undefined || (maxRedirects >= 0 && maxRedirects <= 20))
  assert.ok(timeoutMs === undefined || timeoutMs >= 1)
  assert.ok(warnings.length <= 20)
  for (const warning of warnings) assert.match(warning, /^[^\p{Cc}]*$/u)

  const url = new URL(formatUrl(spec))
  const bare = url.hostname.replace(/^\[|\]$/g, '')
  assert.deepEqual([url.protocol, bare, url.pathname + url.search], [protocol, hostname, path])
  assert.equal(Number(url.port || (protocol === 'https:' ? 443 : 80)), port)
  assert.deepEqual([url.username, url.password, url.hash], ['', '', ''])
}

/** A spec as options, to be read again. */
function asOptions({ timeoutMs, ...spec }: RequestSpec): unknown {
  return { ...spec, ...(timeoutMs !== undefined && { timeout: timeoutMs }) }
}

fuzz({
  name: 'request-spec',
  cases: 500,
  claims: {
    'any value is refused as such or read as something harmless': fc.property(
      fc.oneof(
        options,
        mostlyRight,
        fc.anything(),
        text,
        fc.json(),
        fc.webUrl({ withQueryParameters: true }),
      ),
      purposes,
      (value, purpose) => {
        const parsed = read(value, purpose)
        if (parsed !== undefined) isHarmless(parsed, purpose)
      },
    ),
    'what was read reads as itself': fc.property(
      fc.oneof(mostlyRight, options),
      purposes,
      (value, purpose) => {
        const parsed = read(value, purpose)
        if (parsed === undefined) return
        const { spec } = parseRequestSpec(asOptions(parsed.spec), purpose)
        assert.deepEqual(spec, parsed.spec)
      },
    ),
    'JSON text of options is read as the options are': fc.property(
      fc.oneof(options, mostlyRight),
      purposes,
      fc.constantFrom('', ' ', '\n\t'),
      (value, purpose, space) => {
        const json = JSON.stringify(value)
        const plain = read(JSON.parse(json), purpose)
        assert.deepEqual(read(space + json + space, purpose), plain)
      },
    ),
    'a field that changes who is dialled is refused by its name': fc.property(
      mostlyRight,
      fc.constantFrom(...REFUSED),
      fc.jsonValue(),
      purposes,
      (value, name, given, purpose) => {
        assert.throws(
          () => parseRequestSpec({ ...value, [name]: given }, purpose),
          (error) => error instanceof AppError && error.detail['field'] === name,
        )
      },
    ),
    'a URL and the options that say the same are the same': fc.property(
      fc.constantFrom('http', 'https'),
      fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
      fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
      fc.webPath(),
      fc.webQueryParameters(),
      fc.option(fc.tuple(fc.stringMatching(/^[^:]*$/), fc.string()), { nil: undefined }),
      (protocol, hostname, port, pathname, query, user) => {
        const credentials = user?.map((part) => encodeURIComponent(part)).join(':')
        fc.pre(credentials !== ':')
        const path = `${pathname || '/'}?${query}`
        const at = credentials === undefined ? '' : `${credentials}@`
        const host = hostname.includes(':') ? `[${hostname}]` : hostname
        const url = `${protocol}://${at}${host}${port === undefined ? '' : `:${port}`}${path}`
        const said = { protocol, hostname, path, ...(port !== undefined && { port }) }
        const auth = user === undefined ? {} : { auth: user.join(':') }
        const parsed = read({ ...said, ...auth }, 'fetch')
        if (parsed !== undefined) assert.deepEqual(parseRequestSpec(url, 'fetch').spec, parsed.spec)
      },
    ),
    'every known field and no other is taken without a warning': fc.property(
      mostlyRight,
      text,
      (value, name) => {
        fc.pre(!FIELDS.includes(name) && !REFUSED.includes(name) && name !== '__proto__')
        const parsed = read({ ...value, [name]: 1 }, 'fetch')
        assert.ok(parsed === undefined || parsed.warnings.length >= 1)
      },
    ),
  },
})
