// Each example does through HTTP what its README says.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { example } from './helpers/guests.ts'
import { gradientPng, pngSize } from './helpers/picture.ts'

const folder = new URL('../examples-rust/', import.meta.url)

describe('the examples', () => {
  const scope = suiteScope()
  let app: TestApp

  before(async () => {
    app = await buildApp(scope)
  })

  async function text(executable: Uploaded, fn: string, body: string): Promise<string> {
    const response = await call(app, executable, fn, { body })
    const answer = await response.text()
    assert.equal(response.status, 200, answer)
    return answer
  }

  async function deploy(name: string, state?: unknown): Promise<Uploaded> {
    const executable = await upload(app, await example(name))
    if (state !== undefined) {
      const body = typeof state === 'string' ? state : JSON.stringify(state)
      const url = `/api/state/${executable.id}`
      await app.request(url, { method: 'PUT', headers: admin(executable), body })
    }
    return executable
  }

  test('hello greets', async () => {
    assert.equal(await text(await deploy('hello'), 'say', 'world'), 'hello world')
  })

  test('hello-context takes its greeting from the state, as text or JSON', async () => {
    const plain = await deploy('hello-context', 'bonjour')
    assert.equal(await text(plain, 'say', 'monde'), 'bonjour monde')
    const json = await deploy('hello-context', { greeting: 'Good morning,', ending: '!' })
    assert.equal(await text(json, 'say', 'Ann'), 'Good morning, Ann!')
  })

  test('email composes a mail, and says what is missing', async () => {
    const email = await deploy('email')
    const letter = 'From: ann@example.com\nTo: bob@example.com\nSubject: Lunch\n\nAt noon?'
    assert.deepEqual(JSON.parse(await text(email, 'compose', letter)), {
      personalizations: [{ to: [{ email: 'bob@example.com' }] }],
      from: { email: 'ann@example.com' },
      subject: 'Lunch',
      content: [{ type: 'text/plain', value: 'At noon?' }],
    })
    const response = await call(app, email, 'compose', { body: 'From: ann@example.com\n\nhi' })
    const { error } = await refused(response, 422, 'FUNCTION_ERROR')
    assert.equal(error, 'the line "To: …" is missing')
  })

  test('counter counts, and keeps texts under keys of their own', async () => {
    const counter = await deploy('counter')
    const counts = Array.from({ length: 20 }, () => text(counter, 'increment', 'visits'))
    assert.ok((await Promise.all(counts)).includes('20'))
    assert.equal(await text(counter, 'count', 'visits'), '20')
    assert.equal(await text(counter, 'count', 'others'), '0')
    const kept = ['grüß dich 🦀', '', 'a'.repeat(1_000)]
    const keys = await Promise.all(kept.map((one) => text(counter, 'keep', one)))
    for (const [n, key] of keys.entries()) {
      assert.match(key, /^[0-9a-f]{32}$/)
      assert.equal(await text(counter, 'recall', key), kept[n])
    }
    const response = await call(app, counter, 'recall', { body: 'x' })
    const { error } = await refused(response, 422, 'FUNCTION_ERROR')
    assert.equal(error, 'nothing is kept under that key')
  })

  test('caption draws on a picture and keeps its size', async () => {
    const caption = await deploy('caption')
    const picture = gradientPng(200, 120)
    const form = new FormData()
    form.set('input_1', 'Howdy')
    form.set('input_2', new Blob([picture]), 'dog.png')
    const url = `/api/multipart/run/${caption.id}/caption/bytes`
    const response = await app.request(url, { method: 'POST', body: form })
    const drawn = Buffer.from(await response.arrayBuffer())
    assert.equal(response.headers.get('content-type'), 'image/png')
    assert.deepEqual(pngSize(drawn), { width: 200, height: 120 })
    assert.notDeepEqual(drawn, picture)
  })

  test('thumbnail shrinks a picture, and refuses what is none', async () => {
    const thumbnail = await deploy('thumbnail')
    const body = gradientPng(640, 480)
    const response = await call(app, thumbnail, 'thumbnail', { body, bytes: true })
    assert.deepEqual(pngSize(Buffer.from(await response.arrayBuffer())), {
      width: 160,
      height: 120,
    })
    const bad = await call(app, thumbnail, 'thumbnail', { body: 'no picture', bytes: true })
    assert.match((await refused(bad, 422, 'FUNCTION_ERROR')).error, /cannot make a thumbnail/)
  })

  test('order totals, and returns its errors (raw cargo output tells its types)', async () => {
    const order = await deploy('order')
    const [total] = order.answer.functions as { name: string; params: string[]; result: string }[]
    assert.equal(total?.name, 'total')
    assert.deepEqual(total.params, ['text'])
    const items = [
      { name: 'tea', quantity: 2, price_cents: 350 },
      { name: 'cup', quantity: 1, price_cents: 1299 },
    ]
    const body = JSON.stringify({ currency: 'EUR', items, discount_percent: 10 })
    assert.deepEqual(JSON.parse(await text(order, 'total', body)), {
      currency: 'EUR',
      pieces: 3,
      subtotal_cents: 1999,
      discount_cents: 199,
      total_cents: 1800,
    })
    const empty = await call(app, order, 'total', { body: '{"currency":"EUR","items":[]}' })
    assert.equal((await refused(empty, 422, 'FUNCTION_ERROR')).error, 'the order has no items')
  })

  test('wordcount counts as a WASI command, with an argument and an exit code', async () => {
    const wordcount = await deploy('wordcount')
    const story = 'The cat saw the dog.\nThe dog ran.\n'
    assert.deepEqual(JSON.parse(await text(wordcount, '_start', story)), {
      lines: 2,
      words: 8,
      characters: 34,
      top: [
        ['the', 3],
        ['dog', 2],
        ['cat', 1],
      ],
    })
    const form = new FormData()
    form.set('input_1', story)
    form.set('input_2', 'many')
    const url = `/api/multipart/run/${wordcount.id}/_start`
    const failed = await refused(
      await app.request(url, { method: 'POST', body: form }),
      500,
      'EXIT_CODE',
    )
    assert.equal(failed.exit_code, 2)
    const run = await app.request(`/api/runs/${String(failed.run_id)}`)
    assert.match(((await run.json()) as { log: string }).log, /"many" is not a number/)
  })

  test('two functions chain through a callback to the own address, which needs no permission', async (t) => {
    const closed = await buildApp(t, { OUTBOUND_ALLOW: '' })
    const set = async (executable: Uploaded, state: unknown): Promise<void> => {
      const init = { method: 'PUT', headers: admin(executable), body: JSON.stringify(state) }
      await closed.request(`/api/state/${executable.id}`, init)
    }
    const second = await upload(closed, await example('chain'))
    await set(second, { name: 'second' })
    const first = await upload(closed, await example('chain'))
    const { hostname, port } = new URL(closed.origin)
    const next = {
      protocol: 'http:',
      hostname,
      port: Number(port),
      path: `/api/run/${second.id}/step`,
      headers: { 'Content-Type': 'application/json' },
    }
    await set(first, { name: 'first', next })
    const response = await call(closed, first, 'step', { body: '{"steps":[]}' })
    assert.deepEqual(await response.json(), { steps: ['first', 'second'] })
  })

  test('every example has a README with its curl line', async () => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name === 'target') continue
      const readme = await readFile(new URL(`${entry.name}/README.md`, folder), 'utf8')
      assert.match(readme, /curl [^\n]*127\.0\.0\.1:8080\/api\//, entry.name)
    }
  })
})
