// Request specs: what callers may write, what it means, and what is refused with the field's name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../src/errors.ts'
import { formatUrl, parseRequestSpec, type SpecPurpose } from '../src/request-spec.ts'

test('a URL is a spec', () => {
  assert.deepEqual(parseRequestSpec(' https://Example.com/a/../b?c=d#e\n', 'fetch'), {
    spec: {
      protocol: 'https:',
      hostname: 'example.com',
      port: 443,
      path: '/b?c=d',
      headers: {},
    },
    warnings: [],
  })
})

test('options are a spec, as an object and as JSON text', () => {
  const options = {
    protocol: 'http:',
    hostname: 'api.example.com',
    port: 8080,
    path: '/v3/mail/send?x=1',
    method: 'put',
    headers: { 'Content-Type': 'application/json', 'X-Count': 3, Accept: ['a/b', 'c/d'] },
    auth: 'user:pass',
    body: '{"a":1}\n',
    maxRedirects: 3,
    timeout: 5000,
  }
  const expected = {
    protocol: 'http:',
    hostname: 'api.example.com',
    port: 8080,
    path: '/v3/mail/send?x=1',
    method: 'PUT',
    headers: {
      'content-type': 'application/json',
      'x-count': '3',
      accept: 'a/b, c/d',
      authorization: 'Basic dXNlcjpwYXNz',
    },
    body: '{"a":1}\n',
    maxRedirects: 3,
    timeoutMs: 5000,
  }
  for (const value of [options, JSON.stringify(options), `\n ${JSON.stringify(options)}`]) {
    assert.deepEqual(parseRequestSpec(value, 'fetch'), { spec: expected, warnings: [] })
  }
})

test('the protocol is https unless it, or port 80, says otherwise', () => {
  const rows: [Record<string, unknown>, string][] = [
    [{}, 'https://a.example/'],
    [{ port: 443 }, 'https://a.example/'],
    [{ port: 80 }, 'http://a.example/'],
    [{ port: '80' }, 'http://a.example/'],
    [{ port: 8080 }, 'https://a.example:8080/'],
    [{ protocol: 'http:' }, 'http://a.example/'],
    [{ protocol: 'HTTP' }, 'http://a.example/'],
    [{ protocol: 'https:', port: 80 }, 'https://a.example:80/'],
    [{ protocol: 'http:', port: 443 }, 'http://a.example:443/'],
  ]
  for (const [options, url] of rows) {
    assert.equal(formatUrl(parse({ hostname: 'a.example', ...options })), url)
  }
})

test('hostname wins over host, and either may carry a port', () => {
  const rows: [Record<string, unknown>, string][] = [
    [{ host: 'b.example' }, 'https://b.example/'],
    [{ host: 'b.example', hostname: 'a.example' }, 'https://a.example/'],
    [{ host: 'a.example:80' }, 'http://a.example/'],
    [{ host: 'a.example:8080', port: 81 }, 'https://a.example:81/'],
    [{ hostname: 'localhost:3000', protocol: 'http:' }, 'http://localhost:3000/'],
    [{ hostname: '::1', port: 80 }, 'http://[::1]/'],
    [{ hostname: '[::1]:80' }, 'http://[::1]/'],
    [{ hostname: 'BÜCHER.example' }, 'https://xn--bcher-kva.example/'],
    [{ hostname: '0x7f.1' }, 'https://127.0.0.1/'],
  ]
  for (const [options, url] of rows) assert.equal(formatUrl(parse(options)), url)
  assert.equal(parse({ hostname: '[::1]' }).hostname, '::1')
})

test('a path is normalised as in a URL and cannot reach into the host', () => {
  const rows = {
    '': '/',
    a: '/a',
    '?q=1': '/?q=1',
    '/a/./b/../c': '/a/c',
    '/bin/%2e%2e/x': '/x',
    '/../../x': '/x',
    '/a b/ü': '/a%20b/%C3%BC',
    '//evil.example/x': '//evil.example/x',
    '@evil.example/x': '/@evil.example/x',
    'http://evil.example/': '/http://evil.example/',
    '\\evil.example': '//evil.example',
    '/a#b': '/a',
  }
  for (const [path, normalised] of Object.entries(rows)) {
    const spec = parse({ hostname: 'a.example', path })
    assert.deepEqual([spec.hostname, spec.path], ['a.example', normalised], path)
    assert.equal(formatUrl(spec), `https://a.example${normalised}`)
  }
})

test('credentials in a URL become Authorization', () => {
  const spec = parse('https://us%65r:p%3Ass@a.example/')
  assert.deepEqual(spec.headers, { authorization: `Basic ${btoa('user:p:ss')}` })
  assert.equal(formatUrl(spec), 'https://a.example/')
})

// Found by fuzzing: it became a header that ends in a space and reads as another one.
test('empty credentials are none, as in Node.js', () => {
  assert.deepEqual(parse({ hostname: 'a.example', auth: '' }).headers, {})
  assert.deepEqual(parse('https://:@a.example/').headers, {})
})

test('Authorization in headers wins over auth, with a warning', () => {
  const options = { hostname: 'a.example', auth: 'u:p', headers: { AUTHORIZATION: 'Bearer x' } }
  const { spec, warnings } = parseRequestSpec(options, 'callback')
  assert.equal(spec.headers.authorization, 'Bearer x')
  assert.equal(warnings.length, 1)
})

test('a body given as an object is JSON', () => {
  const spec = parse({ hostname: 'a.example', body: { a: [1] } })
  assert.equal(spec.body, '{"a":[1]}')
  assert.equal(spec.headers['content-type'], 'application/json')
  const typed = parse({ hostname: 'a.example', body: {}, headers: { 'content-type': 'a/b' } })
  assert.equal(typed.headers['content-type'], 'a/b')
})

test("a callback's body is the result, so one in its spec is ignored with a warning", () => {
  const { spec, warnings } = parseRequestSpec({ hostname: 'a.example', body: 'x' }, 'callback')
  assert.equal(spec.body, undefined)
  assert.match(warnings.join(), /body was ignored/)
})

test('headers that are ours, and unknown fields, are dropped with a warning each', () => {
  const headers = {
    Host: 'evil.example',
    'Content-Length': '5',
    Connection: 'close',
    'Keep-Alive': 'x',
    'Proxy-Authorization': 'x',
    TE: 'trailers',
    Trailer: 'x',
    'Transfer-Encoding': 'chunked',
    Upgrade: 'h2c',
    Expect: '100-continue',
    'Wasmhook-Hops': '0',
    'X-Kept': 'yes',
  }
  const options = { hostname: 'a.example', headers, query: 'x', agent: false }
  const { spec, warnings } = parseRequestSpec(options, 'fetch')
  assert.deepEqual(spec.headers, { 'x-kept': 'yes' })
  assert.equal(warnings.length, Object.keys(headers).length - 1 + 2)
  assert.match(warnings.join(), /"Wasmhook-Hops".*server sets it/)
  assert.match(warnings.join(), /Unknown field "query" was ignored/)
})

test('warnings are few and short whatever the spec holds', () => {
  const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}\n`.repeat(99), 1]))
  const { warnings } = parseRequestSpec({ hostname: 'a.example', ...fields }, 'fetch')
  assert.equal(warnings.length, 20)
  assert.ok(warnings.every((text) => text.length < 200 && !text.includes('\n')))
})

test('headers of one name in several spellings are joined, where HTTP allows', () => {
  const join = (headers: unknown): unknown => parse({ hostname: 'a.example', headers }).headers
  assert.deepEqual(join({ Accept: 'a/b', accept: 'c/d' }), { accept: 'a/b, c/d' })
  assert.deepEqual(join({ Cookie: ['a=1', 'b=2'] }), { cookie: 'a=1; b=2' })
  assert.deepEqual(join({ 'Content-Type': ['a/b'] }), { 'content-type': 'a/b' })
  refuses(
    { hostname: 'a.example', headers: { 'Content-Type': ['a/b', 'c/d'] } },
    'headers.content-type',
  )
})

test('names of object prototypes are plain names', () => {
  const text = '{"hostname":"a.example","__proto__":{"path":"/x"},"headers":{"__proto__":"y"}}'
  const { spec, warnings } = parseRequestSpec(text, 'fetch')
  assert.equal(spec.path, '/')
  assert.deepEqual(Object.entries(spec.headers), [['__proto__', 'y']])
  assert.equal(warnings.length, 1)
  refuses({ constructor: 'a.example' }, 'hostname')
})

test('fields that would choose the socket or weaken TLS are refused by name', () => {
  for (const field of [
    'socketPath',
    'lookup',
    'localAddress',
    'createConnection',
    'rejectUnauthorized',
    'checkServerIdentity',
    'insecureHTTPParser',
    'ca',
    'cert',
    'key',
    'pfx',
  ]) {
    const error = refuses({ hostname: 'a.example', [field]: false }, field)
    assert.match(error.message, new RegExp(field))
  }
})

test('protocols other than http and https are refused, naming these', () => {
  for (const url of [
    'ftp://a.example/',
    'file:///etc/passwd',
    'data:text/plain,x',
    'localhost:80',
  ]) {
    assert.match(refuses(url, 'url').message, /http: or https:/)
  }
  for (const protocol of ['ftp:', 'file:', 'javascript:', '', 'https:x', 'http://a']) {
    const error = refuses({ hostname: 'a.example', protocol }, 'protocol')
    assert.match(error.message, /http: or https:/)
  }
})

test('CR, LF and NUL are refused in every value but the body', () => {
  for (const character of ['\r', '\n', '\0', '\r\n']) {
    refuses(`https://a.example/x${character}y`, 'url')
    for (const field of ['protocol', 'hostname', 'path', 'method', 'auth']) {
      refuses({ hostname: 'a.example', [field]: `a${character}b` }, field)
    }
    refuses({ hostname: 'a.example', port: `80${character}` }, 'port')
    refuses({ hostname: 'a.example', headers: { 'x-a': `a${character}b` } }, 'headers.x-a')
    refuses({ hostname: 'a.example', headers: { 'x-a': ['a', `b${character}`] } }, 'headers.x-a')
    refuses({ hostname: 'a.example', headers: { [`x${character}`]: 'a' } }, 'headers')
    assert.equal(parse({ hostname: 'a.example', body: character }).body, character)
  }
})

test('values of the wrong shape are refused with the name of their field', () => {
  const rows: [string, unknown][] = [
    ['hostname', undefined],
    ['hostname', ''],
    ['hostname', 5],
    ['hostname', 'https://a.example'],
    ['hostname', 'a.example/x'],
    ['hostname', 'u@a.example'],
    ['hostname', 'a b'],
    ['hostname', 'a%2fb'],
    ['hostname', 'a.example:0'],
    ['hostname', 'a.example:65536'],
    ['hostname', '1.2.3.4.5'],
    ['hostname', '[::1'],
    ['hostname', 'fe80::1%eth0'],
    ['port', 0],
    ['port', 65_536],
    ['port', 80.5],
    ['port', 'http'],
    ['port', true],
    ['path', 5],
    ['method', 'CONNECT'],
    ['method', 'trace'],
    ['method', 'GET /'],
    ['method', ''],
    ['method', 'X'.repeat(33)],
    ['headers', 'x: y'],
    ['headers', ['x', 'y']],
    ['headers', { 'a b': 'x' }],
    ['headers', { '': 'x' }],
    ['headers.x', { x: null }],
    ['headers.x', { x: { y: 1 } }],
    ['headers.x', { x: 'ŵ' }],
    ['auth', 5],
    ['body', 5],
    ['maxRedirects', -1],
    ['maxRedirects', 21],
    ['timeout', 0],
    ['timeout', -5],
    ['timeout', 'soon'],
    ['timeout', Infinity],
  ]
  for (const [field, value] of rows) {
    refuses({ hostname: 'a.example', [field.replace(/\..*/, '')]: value }, field)
  }
  for (const value of [undefined, null, 5, true, [], ['https://a.example']]) refuses(value, 'spec')
  for (const url of [
    '',
    'a.example',
    '/path',
    'https://',
    'https://a b/',
    'https://u%@a.example',
  ]) {
    refuses(url, 'url')
  }
})

test('a spec that begins like JSON and is not says so', () => {
  for (const text of ["{ 'hostname': 'a.example' }", '{"hostname":"a.example"', '{']) {
    refuses(text, 'spec', 'INVALID_JSON')
  }
})

test('each limit holds, and one past it is refused', () => {
  const pathOf = (length: number): string => `/${'x'.repeat(length - 'https://a.example/'.length)}`
  assert.equal(formatUrl(parse({ hostname: 'a.example', path: pathOf(8192) })).length, 8192)
  refuses({ hostname: 'a.example', path: pathOf(8193) }, 'path')
  refuses({ hostname: 'a.example', path: 'ü'.repeat(2000) }, 'path')
  assert.equal(formatUrl(parse(`https://a.example${pathOf(8192)}`)).length, 8192)
  refuses(`https://a.example${pathOf(8193)}`, 'url')
  refuses(`https://a.example/${'ü'.repeat(2000)}`, 'url')

  const many = (count: number): unknown =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']))
  parse({ hostname: 'a.example', headers: many(100) })
  refuses({ hostname: 'a.example', headers: many(101) }, 'headers')
  const large = (bytes: number): unknown => ({ x: 'y'.repeat(bytes - 'x: \r\n'.length) })
  parse({ hostname: 'a.example', headers: large(65_536) })
  refuses({ hostname: 'a.example', headers: large(65_537) }, 'headers')
  refuses({ hostname: 'a.example', auth: 'x'.repeat(65_536) }, 'headers')
  parse({ hostname: 'a.example', maxRedirects: 0, timeout: 1 })
  parse({ hostname: 'a.example', maxRedirects: 20, method: 'X'.repeat(32) })
})

function parse(value: unknown, purpose: SpecPurpose = 'fetch'): ReturnType<typeof specOf> {
  return specOf(value, purpose)
}

function specOf(value: unknown, purpose: SpecPurpose) {
  return parseRequestSpec(value, purpose).spec
}

function refuses(value: unknown, field: string, code = 'INVALID_SPEC'): AppError {
  try {
    parseRequestSpec(value, 'fetch')
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    assert.deepEqual([error.code, error.detail.field], [code, field], error.message)
    return error
  }
  assert.fail(`${JSON.stringify(value)} was not refused`)
}
