// Templates of fetches: what a payload's values become where they are put in, and what can not be put in at all.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../src/errors.ts'
import { fillIn, parseFetchTemplate, placeholdersOf } from '../src/fetch-template.ts'
import { formatUrl } from '../src/request-spec.ts'

const OWN = {
  '@type': 'order.created',
  '@tenant': 'acme',
  '@message_id': '01900000-0000-7000-8000-000000000000',
  '@timestamp': '2026-01-31T12:00:00.000Z',
}

const parse = (fetch: unknown) => parseFetchTemplate(JSON.stringify(fetch)).template

const fill = (fetch: unknown, payload: unknown) => fillIn(parse(fetch), payload, OWN)

const urlOf = (fetch: unknown, payload: unknown): string => formatUrl(fill(fetch, payload))

function codeOf(run: () => unknown): { code: string; detail: Readonly<Record<string, unknown>> } {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return { code: error.code, detail: error.detail }
  }
  assert.fail('It was taken.')
}

describe('a template', () => {
  test('takes values of the payload, and what is known of the event, into path and query', () => {
    assert.equal(
      urlOf('https://a.example/{{order.id}}/x?q={{ q }}&t={{@type}}&n={{list.1}}', {
        order: { id: 'a b' },
        q: 'ä&=?#',
        list: [0, 1.5],
      }),
      'https://a.example/a%20b/x?q=%C3%A4%26%3D%3F%23&t=order.created&n=1.5',
    )
    const own = 'https://a.example/{{@tenant}}/{{@message_id}}?at={{@timestamp}}'
    assert.equal(
      urlOf(own, null),
      `https://a.example/acme/${OWN['@message_id']}?at=2026-01-31T12%3A00%3A00.000Z`,
    )
    assert.equal(
      urlOf('https://a.example/{{a}}-{{b}}.json', { a: true, b: 7 }),
      'https://a.example/true-7.json',
    )
  })

  test('is an object of HTTP options too, with headers and a body of JSON', () => {
    const body = { id: '{{id}}', nested: [{ text: 'for {{id}} of {{@tenant}}' }] }
    const options = {
      hostname: 'a.example',
      path: '/find',
      method: 'POST',
      headers: { 'x-id': 'id={{id}}', authorization: 'Bearer secret' },
      body,
    }
    const spec = fill({ ...options, headers: {} }, { id: 'a"\\\n\u2028</x>' })
    assert.deepEqual(JSON.parse(spec.body ?? ''), {
      id: 'a"\\\n\u2028</x>',
      nested: [{ text: 'for a"\\\n\u2028</x> of acme' }],
    })
    assert.equal(
      codeOf(() => fill({ ...options, body: undefined }, { id: 'a\nb' })).code,
      'FETCH_VALUE_REFUSED',
    )
    const plain = fill(
      { ...options, body: '{"id": "{{id}}", "n": 10000000000000000001}' },
      { id: 'x' },
    )
    assert.equal(plain.body, '{"id": "x", "n": 10000000000000000001}')
    assert.deepEqual(plain.headers, { 'x-id': 'id=x', authorization: 'Bearer secret' })
    assert.deepEqual(placeholdersOf(parse(options)), ['id', '@tenant'])
  })

  test('keeps the placeholders as they were written, and everything else as a spec', () => {
    const { path, hostname, port, protocol } = parse('http://A.example/x/../{{ id }}?a={{b.c}} d#e')
    assert.deepEqual(
      { path, hostname, port, protocol },
      { path: '/{{id}}?a={{b.c}}%20d', hostname: 'a.example', port: 80, protocol: 'http:' },
    )
  })

  test('has placeholders in path, query, headers and body only', () => {
    for (const fetch of [
      'https://{{host}}/x',
      'https://a.{{host}}/x',
      'https://a.example:{{port}}/x',
      'https://{{user}}:x@a.example/',
      'https:\\\\{{user}}@a.example/',
      '{{protocol}}://a.example/',
      '{{url}}',
      'https://a.example/#{{id}}',
      { hostname: '{{id}}' },
      { host: 'a.example:{{id}}' },
      { hostname: 'a.example', port: '{{id}}' },
      { hostname: 'a.example', protocol: '{{id}}' },
      { hostname: 'a.example', method: '{{id}}' },
      { hostname: 'a.example', auth: 'a:{{id}}' },
      { hostname: 'a.example', headers: { '{{id}}': 'x' } },
      { hostname: 'a.example', headers: { Authorization: 'Bearer {{id}}' } },
      { hostname: 'a.example', headers: { authorization: 'Bearer \u007b{id}}' } },
      { hostname: 'a.example', headers: { host: '{{id}}' } },
      { hostname: 'a.example', timeout: '{{id}}' },
      { hostname: 'a.example', other: '{{id}}' },
    ]) {
      assert.equal(codeOf(() => parse(fetch)).code, 'INVALID_SPEC', JSON.stringify(fetch))
    }
  })

  test('has names between its braces, and a body in which values can be told from the rest', () => {
    for (const path of [
      '/{{}}',
      '/{{a b}}',
      '/{{a',
      '/{{a..b}}',
      '/{{@secret}}',
      '/{{a|b}}',
      '/{{"a"}}',
    ]) {
      assert.equal(codeOf(() => parse(`https://a.example${path}`)).code, 'INVALID_SPEC', path)
    }
    for (const body of [
      'id={{id}}',
      '{"id": {{id}}}',
      '<id>{{id}}</id>',
      '"{{id}}',
      '{"a":"\\{{id}}"}',
    ]) {
      const made = { hostname: 'a.example', method: 'POST', body }
      assert.equal(codeOf(() => parse(made)).code, 'INVALID_SPEC', body)
    }
    for (const fetch of [1, null, [], {}, 'a.example', `https://a.example/${'x'.repeat(16_384)}`])
      assert.equal(codeOf(() => parse(fetch)).code, 'INVALID_SPEC')
    const deep = `{"hostname":"a.example","body":${'['.repeat(8_000)}${']'.repeat(8_000)}}`
    assert.equal(codeOf(() => parseFetchTemplate(deep)).code, 'INVALID_SPEC')
  })

  test('says which value the payload lacks, or has of a kind that cannot be put in', () => {
    const template = 'https://a.example/{{order.id}}'
    for (const payload of [
      null,
      1,
      'order',
      [],
      {},
      { order: null },
      { order: {} },
      { order: { id: null } },
      { order: { id: {} } },
      { order: { id: ['a'] } },
      { order: { id: 2 ** 53 } },
      { order: { id: '' } },
      { order: { id: '.' } },
      { order: { id: '..' } },
      { order: { id: 'a\ud800' } },
      { 'order.id': 'a' },
    ]) {
      const { code, detail } = codeOf(() => fill(template, payload))
      assert.deepEqual([code, detail.placeholder], ['FETCH_VALUE_REFUSED', 'order.id'])
    }
    for (const name of ['constructor', 'toString', '__proto__', 'length']) {
      const { code } = codeOf(() => fill(`https://a.example/{{${name}}}`, { a: 1 }))
      assert.equal(code, 'FETCH_VALUE_REFUSED')
    }
  })

  test('never leaves its segment of the path', () => {
    const templates = [
      '/a/{{x}}/b',
      '/a/{{x}}{{y}}/b',
      '/a/.{{x}}/b',
      '/a/%2e{{x}}/b',
      '/a/{{x}}.',
      '/{{x}}?y={{y}}',
    ]
    const piece = fc.constantFrom(
      '.',
      '..',
      '/',
      '\\',
      '%',
      '%2e',
      '%2f',
      '?',
      '#',
      ';',
      '\t',
      '\r\n',
      '@',
      ':',
      'é',
      '😀',
      '',
    )
    const value = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.constantFrom(...templates), value, value, (path, x, y) => {
        const template = parse(`https://a.example${path}`)
        let spec
        try {
          spec = fillIn(template, { x, y }, OWN)
        } catch (error) {
          assert.ok(error instanceof AppError && error.code === 'FETCH_VALUE_REFUSED')
          return
        }
        const url = new URL(formatUrl(spec))
        assert.equal(url.host, 'a.example')
        assert.equal(url.pathname.split('/').length, template.path.split('?')[0]?.split('/').length)
        assert.equal(url.pathname + url.search, spec.path)
        if (path.includes('?')) assert.equal(url.searchParams.get('y'), y)
        if (path === '/a/{{x}}/b')
          assert.equal(decodeURIComponent(url.pathname.split('/')[2] ?? ''), x)
      }),
      { numRuns: 2_000 },
    )
  })

  test('never leaves its string of the body, nor its line of the headers', () => {
    const template = {
      hostname: 'a.example',
      headers: { 'x-a': 'a {{x}} b' },
      body: { a: '{{x}}', b: 1 },
    }
    const { headers, ...bodyOnly } = template
    fc.assert(
      fc.property(
        fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
        (x) => {
          const { body } = fill(bodyOnly, { x })
          assert.deepEqual(JSON.parse(body ?? ''), { a: x, b: 1 })
          const only = { hostname: 'a.example', headers }
          if (/^[\t\x20-\x7e\x80-\xff]*$/.test(x))
            assert.equal(fill(only, { x }).headers['x-a'], `a ${x} b`)
          else assert.equal(codeOf(() => fill(only, { x })).code, 'FETCH_VALUE_REFUSED')
        },
      ),
    )
  })

  test('is filled in with no more than a request may hold', () => {
    const long = 'x'.repeat(9_000)
    assert.equal(
      codeOf(() => fill('https://a.example/{{x}}', { x: long })).code,
      'FETCH_VALUE_REFUSED',
    )
    const body = Array.from({ length: 1_000 }, () => '{{x}}')
    const bomb = { hostname: 'a.example', body }
    assert.equal(codeOf(() => fill(bomb, { x: long })).code, 'FETCH_VALUE_REFUSED')
    assert.equal(fill(bomb, { x: 'x' }).body?.length, 4_001)
  })

  test('does not fill in what was filled in', () => {
    assert.equal(
      urlOf('https://a.example/?a={{a}}&b={{b}}', { a: '{{b}}', b: 'wasmhookmark0x' }),
      'https://a.example/?a=%7B%7Bb%7D%7D&b=wasmhookmark0x',
    )
    const marked = 'https://a.example/wasmhookmark0x/WASMHOOKMARKZ1x/{{id}}'
    assert.equal(urlOf(marked, { id: 1 }), 'https://a.example/wasmhookmark0x/WASMHOOKMARKZ1x/1')
    const { body } = fill(
      { hostname: 'a.example', body: { a: '{{a}}', b: '{{b}}' } },
      { a: '{{b}}', b: 'x' },
    )
    assert.deepEqual(JSON.parse(body ?? ''), { a: '{{b}}', b: 'x' })
  })
})
