// The console's files, as a browser gets them; what was built stands in a folder.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { buildApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'

const INDEX = '<!doctype html><script type="module" src="/assets/main-a1b2.js"></script>'
const MAIN = 'document.title = "Wasmhook"'

async function builtConsole(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-console-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await mkdir(path.join(folder, 'assets'))
  await writeFile(path.join(folder, 'index.html'), INDEX)
  await writeFile(path.join(folder, 'secret.txt'), 'not to be served')
  await writeFile(path.join(folder, 'assets/main-a1b2.js'), MAIN)
  await writeFile(path.join(folder, 'assets/main-a1b2.js.gz'), gzipSync(MAIN))
  await writeFile(path.join(folder, 'assets/main-a1b2.css'), 'body{}')
  return folder
}

/** Past fetch, which takes dots out of paths. */
function statusOf(url: string, target: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { path: target }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('the console is served to anybody, under a strict policy, and its page is asked for each time', async (t) => {
  const app = await buildApp(
    t,
    { API_TOKEN: 'a secret of the operator' },
    { consoleFolder: await builtConsole(t) },
  )
  const page = await app.request('/')
  assert.equal(page.status, 200)
  assert.equal(await page.text(), INDEX)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(page.headers.get('cache-control'), 'no-cache')
  assert.equal(
    page.headers.get('content-security-policy'),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; " +
      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  const etag = page.headers.get('etag') ?? ''
  const again = await app.request('/', { headers: { 'if-none-match': `"other", W/${etag}` } })
  assert.equal(again.status, 304)
  assert.equal(again.headers.get('etag'), etag)
  const head = await app.request('/', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('etag'), await head.text()], [200, etag, ''])
})

test('what the page names is kept for good, in the form that the browser takes', async (t) => {
  const app = await buildApp(t, {}, { consoleFolder: await builtConsole(t) })
  const plain = { 'accept-encoding': 'gzip;q=0, identity' }
  const shorter = { 'accept-encoding': 'br, gzip;q=0.5' }
  for (const [headers, encoding] of [
    [plain, null],
    [shorter, 'gzip'],
  ] as const) {
    const script = await app.request('/assets/main-a1b2.js', { headers })
    assert.equal(script.headers.get('content-encoding'), encoding)
    assert.equal(script.headers.get('vary'), 'Accept-Encoding')
    assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8')
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(await script.text(), MAIN)
  }
  const style = await app.request('/assets/main-a1b2.css')
  assert.equal(style.headers.get('content-type'), 'text/css; charset=utf-8')
})

test('nothing else of the folder, or beside it, is served', async (t) => {
  const app = await buildApp(t, {}, { consoleFolder: await builtConsole(t) })
  await refused(await app.request('/assets/none.js'), 404, 'NOT_FOUND')
  await refused(await app.request('/assets/main-a1b2.js.gz'), 404, 'NOT_FOUND')
  await refused(await app.request('/', { method: 'POST' }), 405, 'METHOD_NOT_ALLOWED')
  await refused(
    await app.request('/assets/main-a1b2.js', { method: 'DELETE' }),
    405,
    'METHOD_NOT_ALLOWED',
  )
  for (const target of [
    '/secret.txt',
    '/index.html',
    '/assets/../secret.txt',
    '/assets/..%2fsecret.txt',
    '/assets/%2e%2e%2fsecret.txt',
    '/assets/..%5csecret.txt',
    '/assets/__proto__',
    '/assets/',
  ]) {
    assert.equal(await statusOf(app.origin, target), 404, target)
  }
})

test('where nothing is built, the page says how it is', async (t) => {
  const app = await buildApp(t, {}, { consoleFolder: path.join(tmpdir(), 'wasmhook-no-console') })
  const answer = await refused(await app.request('/'), 404, 'NOT_FOUND')
  assert.match(answer.error, /npm run build:console/)
  await refused(await app.request('/assets/main.js'), 404, 'NOT_FOUND')
})
