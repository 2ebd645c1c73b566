// The curl lines of the articles the product comes from, with local hosts and the JSON's typos mended.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { example } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { gradientPng, pngSize } from './helpers/picture.ts'

const run = promisify(execFile)
const picture = gradientPng(320, 240)

interface Deployed {
  wasm_id: number
  SSVM_Admin_Key: string
}

describe('the articles', () => {
  const scope = suiteScope()
  let app: TestApp
  let upstream: HttpService
  let sendgrid: HttpService
  let folder: string

  before(async () => {
    app = await buildApp(scope)
    folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-articles-'))
    scope.after(() => rm(folder, { recursive: true, force: true }))
    upstream = await httpService(scope, (request, reply) => {
      const open = request.path === '/open/dog.png'
      const known = request.headers.authorization === 'Bearer ABCD123456789'
      if (open || known) reply.setHeader('content-type', 'image/png').end(picture)
      else reply.writeHead(401).end('no token')
    })
    sendgrid = await httpService(scope, (_request, reply) => {
      reply.writeHead(202, { 'content-type': 'application/json' }).end('{"queued":true}')
    })
  })

  /** curl, by a shell, as the articles' readers run it. */
  async function curl(line: string): Promise<string> {
    const { stdout } = await run('sh', ['-c', `curl --silent --show-error ${line}`], {
      cwd: folder,
    })
    return stdout
  }

  async function deploy(name: string): Promise<Deployed> {
    await writeFile(path.join(folder, `${name}_bg.wasm`), await example(name))
    const answer = await curl(`--location --request POST '${app.origin}/api/executables' \
      --header 'Content-Type: application/octet-stream' \
      --header 'SSVM-Description: ${name}' \
      --data-binary '@${name}_bg.wasm'`)
    return JSON.parse(answer) as Deployed
  }

  test('a URL in the SSVM_Fetch header becomes the one argument', async () => {
    const { wasm_id: id } = await deploy('thumbnail')
    await curl(`--location --request POST '${app.origin}/api/run/${id}/thumbnail/bytes' \
      --header 'SSVM_Fetch: ${upstream.origin}/open/dog.png' --output tmp.png`)
    const { width, height } = pngSize(await readFile(path.join(folder, 'tmp.png')))
    assert.ok(Math.max(width, height) <= 160 && width > height)
  })

  test('fetch_input_2 takes a URL, with the JSON content type that the article sends', async () => {
    const { wasm_id: id } = await deploy('caption')
    await curl(`--location --request POST '${app.origin}/api/multipart/run/${id}/caption/bytes' \
      --header 'Content-Type: application/json' \
      --form 'input_1=Howdy Second State' \
      --form 'fetch_input_2=${upstream.origin}/open/dog.png' \
      --output url.png`)
    assert.deepEqual(pngSize(await readFile(path.join(folder, 'url.png'))), {
      width: 320,
      height: 240,
    })
  })

  test('fetch_input_2 takes Node.js HTTP options with a token', async () => {
    const { wasm_id: id } = await deploy('caption')
    await curl(`--location --request POST '${app.origin}/api/multipart/run/${id}/caption/bytes' \
      --header 'Content-Type: application/json' \
      --form 'input_1=Howdy Second State' \
      --form 'fetch_input_2={ "hostname": "127.0.0.1", "protocol": "http:", "port": ${upstream.port},
          "path": "/demo/dog.png",
          "method": "GET",
          "headers": {
              "Content-Type": "application/json",
              "authorization": "Bearer ABCD123456789"
          }
      }' \
      --output options.png`)
    assert.deepEqual(pngSize(await readFile(path.join(folder, 'options.png'))), {
      width: 320,
      height: 240,
    })
  })

  test('a stored callback, put with the admin key, forwards the result', async () => {
    const { wasm_id: id, SSVM_Admin_Key: key } = await deploy('email')
    const stored = await curl(`--location --request PUT '${app.origin}/api/callback/${id}' \
      --header 'Content-Type: application/json' \
      --header 'SSVM_Admin_Key: ${key}' \
      --data-raw '{"protocol": "http:", "hostname": "127.0.0.1","path": "/v3/mail/send","method": "POST","port": ${sendgrid.port},"headers":{"Content-Type": "application/json","authorization": "Bearer SG.xxxx"}}'`)
    assert.equal(stored, String(id))
    const before = sendgrid.received.length
    const answer = await curl(`--location --request POST '${app.origin}/api/run/${id}/say' \
      --header 'Content-Type: text/plain' \
      --data-raw 'Hello Second State FaaS'`)
    assert.equal(answer, '{"queued":true}')
    const [mail] = sendgrid.received.slice(before)
    assert.equal(mail?.path, '/v3/mail/send')
    assert.equal(mail.headers.authorization, 'Bearer SG.xxxx')
    assert.equal(mail.headers['content-type'], 'application/json')
    assert.match(mail.body.toString(), /Hello Second State FaaS/)
  })

  test('a callback embedded in the result is stripped and followed; the state configures it', async () => {
    const { wasm_id: id, SSVM_Admin_Key: key } = await deploy('embedded-callback')
    const state = JSON.stringify({
      callback: {
        method: 'POST',
        protocol: 'http:',
        hostname: '127.0.0.1',
        port: sendgrid.port,
        path: '/v3/mail/send',
        headers: { 'Content-Type': 'application/json', authorization: 'Bearer auth_token_123' },
        maxRedirects: 20,
      },
      to: 'dev@example.com',
      from: 'alice@example.com',
    })
    await curl(`--location --request PUT '${app.origin}/api/state/${id}' \
      --header 'Content-Type: text/plain' --header 'SSVM_Admin_Key: ${key}' --data-raw '${state}'`)
    const before = sendgrid.received.length
    const answer = await curl(`--location --request POST '${app.origin}/api/run/${id}/say' \
      --header 'Content-Type: text/plain' --data-raw 'email'`)
    assert.equal(answer, '{"queued":true}')
    const [mail] = sendgrid.received.slice(before)
    assert.equal(mail?.headers.authorization, 'Bearer auth_token_123')
    const body = JSON.parse(mail.body.toString()) as Record<string, unknown>
    assert.ok(!('callback' in body))
    assert.match(JSON.stringify(body.personalizations), /dev@example\.com.*hello email/)
  })

  test('a function of two arguments, called with one, gets the state as its context', async () => {
    const { wasm_id: id, SSVM_Admin_Key: key } = await deploy('hello-context')
    await curl(`--location --request PUT '${app.origin}/api/state/${id}' \
      --header 'Content-Type: text/plain' --header 'SSVM_Admin_Key: ${key}' --data-raw 'Howdy'`)
    const answer = await curl(`--location --request POST '${app.origin}/api/run/${id}/say' \
      --header 'Content-Type: text/plain' --data-raw 'Second State'`)
    assert.match(answer, /^Howdy/)
    assert.match(answer, /Second State/)
  })
})
