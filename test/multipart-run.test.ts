// POST /api/multipart/run: numbered parts become arguments, whatever made the body.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused, upload } from './helpers/client.ts'
import { assemble, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'

const ARGUMENTS = 12

/** Exports last_of_N for every N up to 12, which answers its last argument, so that order shows. */
function lastOf(): Buffer {
  const functions = Array.from({ length: ARGUMENTS }, (_, index) => {
    const params = 'i32 '.repeat(2 * (index + 1))
    return `(func (export "last_of_${index + 1}") (param ${params}) (result i32 i32)
      (local.get ${2 * index}) (local.get ${2 * index + 1}))`
  })
  return assemble(`(module
    (memory (export "memory") 32)
    (global $free (mut i32) (i32.const 1024))
    (func (export "__wbindgen_malloc") (param $size i32) (param i32) (result i32)
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size))))
    ${functions.join('\n')})`)
}

interface RawPart {
  name: string
  value: string | Buffer
  disposition?: string
  type?: string
}

/** A body whose parts need not be what a browser sends. */
function multipart(parts: readonly RawPart[], boundary = 'B'): Buffer {
  return Buffer.concat([
    ...parts.map(({ name, value, disposition = 'form-data', type }) =>
      Buffer.concat([
        Buffer.from(`--${boundary}\r\nContent-Disposition: ${disposition}; name="${name}"\r\n`),
        Buffer.from(type === undefined ? '\r\n' : `Content-Type: ${type}\r\n\r\n`),
        Buffer.from(value),
        Buffer.from('\r\n'),
      ]),
    ),
    Buffer.from(`--${boundary}--\r\n`),
  ])
}

describe('a multipart run', () => {
  const scope = suiteScope()
  let app: TestApp
  let echo: number
  let last: number
  let upstream: HttpService
  let target: HttpService

  before(async () => {
    app = await buildApp(scope, { INPUTS_MAX: ARGUMENTS, INPUT_BYTES: 1000 })
    echo = (await upload(app, await guest('echo'))).id
    last = (await upload(app, lastOf())).id
    upstream = await httpService(scope, (request, reply) => {
      reply.end(`${request.method} ${request.path} ${request.body.toString()}`)
    })
    target = await httpService(scope, ({ body }, reply) =>
      reply.end(`target got ${body.toString()}`),
    )
  })

  function send(
    fn: string,
    parts: readonly RawPart[] | Buffer,
    headers: Record<string, string> = {},
    id = echo,
  ): Promise<Response> {
    return app.request(`/api/multipart/run/${id}/${fn}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=B', ...headers },
      body: Buffer.isBuffer(parts) ? parts : multipart(parts),
    })
  }

  async function answered(response: Promise<Response>): Promise<string> {
    const text = await (await response).text()
    assert.equal((await response).status, 200, text)
    return text
  }

  const two = [
    { name: 'input_1', value: 'one' },
    { name: 'input_2', value: 'two' },
  ]

  test('orders its arguments by number, whatever the order of the parts', async () => {
    assert.equal(await answered(send('join', two)), 'one|two')
    assert.equal(await answered(send('join', [...two].reverse())), 'one|two')
    for (let count = 1; count <= ARGUMENTS; count++) {
      const parts = Array.from({ length: count }, (_, index) => ({
        name: `input_${index + 1}`,
        value: `value ${index + 1}`,
      })).sort((a, b) => a.name.localeCompare(b.name))
      const answer = await answered(send(`last_of_${count}`, parts, {}, last))
      assert.equal(answer, `value ${count}`)
    }
  })

  test('takes any name that ends in _N, files, and parts of any type and disposition', async () => {
    const parts = [
      { name: 'first_input_example_1', value: 'one', type: 'application/json' },
      { name: '_02', value: 'two', disposition: 'attachment; filename="a_3.png"' },
    ]
    for (const type of [
      'multipart/form-data; boundary=B',
      'application/json; boundary=B',
      'text/plain; charset=utf-8; boundary="B"',
    ]) {
      assert.equal(await answered(send('join', parts, { 'content-type': type })), 'one|two')
    }
    const form = new FormData()
    form.set('file_2', new Blob(['a file']), 'name.bin')
    form.set('input_1', 'a field')
    const response = app.request(`/api/multipart/run/${echo}/join`, { method: 'POST', body: form })
    assert.equal(await answered(response), 'a field|a file')
  })

  test('hands every byte of a part over, line ends and near-boundaries too', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\r\n--\r\n--A\r\n\r\n'),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      Buffer.from('\r\n'),
    ])
    const response = await send('echo/bytes', [{ name: 'input_1', value: bytes }])
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes)
    assert.equal(await answered(send('echo', [{ name: 'input_1', value: '' }])), '')
  })

  test('does not look for SSVM_ names inside a part', async () => {
    const value = JSON.stringify({ SSVM_Fetch: 'http://127.0.0.1/', SSVM_Callback: 'x' })
    assert.equal(await answered(send('echo', [{ name: 'input_1', value }])), value)
  })

  test('fetches parts whose name begins with fetch: a URL, or options with method and body', async () => {
    const options = JSON.stringify({
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: upstream.port,
      path: '/options?x=1',
      method: 'PUT',
      body: 'sent along',
    })
    const answer = send('join', [
      { name: 'fetch_again_2', value: options },
      { name: 'fetch_input_1', value: ` ${upstream.origin}/url\n` },
    ])
    assert.equal(await answered(answer), 'GET /url |PUT /options?x=1 sent along')
  })

  test('asks all upstreams at once: each has its request before any has answered', async (t) => {
    const gates = [createGate(), createGate()]
    const [first, second] = await Promise.all(
      gates.map((gate, index) =>
        httpService(t, (_request, reply) => {
          gate.open()
          void Promise.all(gates.map((each) => each.opened)).then(() => reply.end(`from ${index}`))
        }),
      ),
    )
    const answer = send('join', [
      { name: 'fetch_1', value: first!.origin },
      { name: 'fetch_2', value: second!.origin },
    ])
    assert.equal(await answered(answer), 'from 0|from 1')
  })

  test('ends its other fetches with the first that fails', async (t) => {
    const asked = createGate()
    const ended = createGate()
    const endless = await httpService(t, (_request, reply) => {
      asked.open()
      reply.on('close', ended.open)
    })
    const failing = await httpService(t, (_request, reply) => {
      void asked.opened.then(() => reply.writeHead(404).end('not here'))
    })
    const answer = await send('join', [
      { name: 'fetch_1', value: endless.origin },
      { name: 'fetch_2', value: failing.origin },
    ])
    const { upstream: told } = await refused(answer, 502, 'UPSTREAM_FAILED')
    assert.equal((told as { status: number }).status, 404)
    await ended.opened
  })

  test('takes its callback from a part, and the header wins over it', async () => {
    const parts = [...two, { name: 'SSVM_Callback', value: target.origin }]
    assert.equal(await answered(send('join', parts)), 'target got one|two')
    const none = send('join', parts, { SSVM_Callback: '{}' })
    assert.equal(await answered(none), 'one|two')
    const empty = [...two, { name: 'SSVM_Callback', value: ' { } ' }]
    const other = send('join', empty, { SSVM_Callback: target.origin })
    assert.equal(await answered(other), 'target got one|two')
  })

  test('without parts is a call without inputs', async () => {
    assert.equal(await answered(send('nothing', [])), 'no inputs')
  })

  test('with a gap, a part 0 or a first number above 1 names the missing one', async () => {
    for (const [names, missing] of [
      [['input_1', 'input_3'], 2],
      [['input_2'], 1],
      [['input_0', 'input_1'], 2],
      [['input_1', 'input_99999'], 2],
    ] as const) {
      const answer = await send(
        'join',
        names.map((name) => ({ name, value: 'x' })),
      )
      assert.equal((await refused(answer, 400, 'MISSING_PART')).missing, missing)
    }
  })

  test('with one number twice is refused, also spelled differently', async () => {
    for (const name of ['input_2', 'other_2', 'fetch_2', 'input_02']) {
      const value = name === 'fetch_2' ? upstream.origin : 'x'
      const answer = await refused(
        await send('join', [...two, { name, value }]),
        400,
        'DUPLICATE_PART',
      )
      assert.equal(answer.part, name)
    }
    const callback = { name: 'SSVM_Callback', value: target.origin }
    await refused(await send('join', [...two, callback, callback]), 400, 'DUPLICATE_PART')
  })

  test('with a part that is none of these is refused by name', async () => {
    for (const name of [
      'input',
      'input_',
      'input_x',
      'input_1x',
      'SSVM_Fetch',
      'ssvm_callback',
      'input_-1',
    ]) {
      // A minus does end in _N where the underscore stands before it.
      if (name === 'input_-1') continue
      const answer = await send('join', [...two, { name, value: 'x' }])
      assert.equal((await refused(answer, 400, 'UNKNOWN_PART')).part, name)
    }
    const huge = await send('join', [...two, { name: 'input_99999999999999999999', value: 'x' }])
    await refused(huge, 400, 'UNKNOWN_PART')
    await refused(await send('join', two, { SSVM_Fetch: upstream.origin }), 400, 'BAD_REQUEST')
  })

  test('whose spec is wrong is refused before anything is fetched', async () => {
    const before = upstream.received.length
    const host = '"protocol":"http:","hostname":"127.0.0.1"'
    for (const [value, code, field] of [
      [`{${host}`, 'INVALID_JSON', 'spec'],
      ['', 'INVALID_SPEC', 'url'],
      ['/relative', 'INVALID_SPEC', 'url'],
      ['file:///etc/passwd', 'INVALID_SPEC', 'url'],
      [`{"protocol":"gopher:","hostname":"127.0.0.1"}`, 'INVALID_SPEC', 'protocol'],
      [`{${host},"lookup":"x"}`, 'INVALID_SPEC', 'lookup'],
      [`{${host},"rejectUnauthorized":false}`, 'INVALID_SPEC', 'rejectUnauthorized'],
      [`{${host},"createConnection":1}`, 'INVALID_SPEC', 'createConnection'],
      [`{${host},"headers":{"X":"a\\r\\nY: b"}}`, 'INVALID_SPEC', 'headers.x'],
      [`{${host},"path":"/a\\r\\nb"}`, 'INVALID_SPEC', 'path'],
      [`{${host},"method":"CONNECT"}`, 'INVALID_SPEC', 'method'],
      [`{${host},"port":0}`, 'INVALID_SPEC', 'port'],
    ] as const) {
      const answer = await send('join', [
        { name: 'fetch_1', value: upstream.origin },
        { name: 'fetch_2', value },
      ])
      assert.equal((await refused(answer, 400, code)).field, field, value)
    }
    const binary = await send('echo', [{ name: 'fetch_1', value: Buffer.from([0xff, 0xfe]) }])
    await refused(binary, 400, 'BAD_REQUEST')
    assert.equal(upstream.received.length, before)
  })

  test('tells of ignored spec fields in Wasmhook-Warning, in ASCII and within bounds', async () => {
    const spec = (fields: object) =>
      JSON.stringify({ protocol: 'http:', hostname: '127.0.0.1', port: upstream.port, ...fields })
    const plain = await send('echo', [{ name: 'fetch_1', value: spec({ agent: false }) }])
    assert.match(plain.headers.get('wasmhook-warning') ?? '', /"agent" was ignored/)
    const foreign = await send('echo', [{ name: 'fetch_1', value: spec({ 'ä日本\u0000': 1 }) }])
    assert.equal(foreign.status, 200)
    assert.match(foreign.headers.get('wasmhook-warning') ?? '', /^[\x20-\x7e]+ was ignored\.$/)
    const many = spec(
      Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`${n}`.repeat(70), 1])),
    )
    const parts = Array.from({ length: ARGUMENTS }, (_, n) => ({
      name: `fetch_${n + 1}`,
      value: many,
    }))
    const bounded = await send(`last_of_${ARGUMENTS}`, parts.slice(0, 1), {}, echo)
    assert.ok((bounded.headers.get('wasmhook-warning') ?? '').length <= 4096)
    const all = await send(`last_of_${ARGUMENTS}`, parts, {}, last)
    assert.ok((all.headers.get('wasmhook-warning') ?? '').length <= 4096)
  })

  test('of more than INPUTS_MAX parts is refused', async () => {
    const parts = Array.from({ length: ARGUMENTS + 1 }, (_, n) => ({
      name: `a_${n + 1}`,
      value: '',
    }))
    await refused(await send('echo', parts), 400, 'BAD_REQUEST')
    const more = [...parts, { name: 'b_99', value: '' }]
    await refused(await send('echo', more), 400, 'INVALID_MULTIPART')
  })

  test('whose parts are together larger than INPUT_BYTES is 413', async () => {
    const half = Buffer.alloc(501, 'x')
    const parts = [
      { name: 'a_1', value: half },
      { name: 'a_2', value: half },
    ]
    await refused(await send('join', parts), 413, 'INPUT_TOO_LARGE')
    assert.equal((await answered(send('echo', parts.slice(0, 1)))).length, 501)
  })

  test('that is malformed says what is wrong', async () => {
    const whole = multipart(two)
    for (const [body, type] of [
      [whole, 'multipart/form-data'],
      [whole, 'application/json'],
      [whole, 'multipart/form-data; boundary='],
      [whole, `multipart/form-data; boundary=${'b'.repeat(71)}`],
      [whole, 'multipart/form-data; boundary=C'],
      [whole.subarray(0, -8), 'multipart/form-data; boundary=B'],
      [whole.subarray(0, 20), 'multipart/form-data; boundary=B'],
      [Buffer.alloc(0), 'multipart/form-data; boundary=B'],
      [Buffer.from('--B\r\n\r\nx\r\n--B--'), 'multipart/form-data; boundary=B'],
    ] as const) {
      const answer = await refused(
        await send('join', body, { 'content-type': type }),
        400,
        'INVALID_MULTIPART',
      )
      assert.match(answer.error, /\w{4,}.*\.$/)
    }
    const none = await app.request(`/api/multipart/run/${echo}/join`, { method: 'POST' })
    await refused(none, 400, 'INVALID_MULTIPART')
  })
})
