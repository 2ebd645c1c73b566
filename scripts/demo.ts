// The product's main job on real input, in a minute: `npm run demo`.
// Starts the server, an upstream and a downstream service on free ports, runs the curl lines below, prints
// each line and its real answer, and exits with 1 if anything differs from what it should be.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gradientPng, pngSize } from '../test/helpers/picture.ts'

const run = promisify(execFile)
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-demo-'))
const picture = gradientPng(640, 480)
const mails: { authorization: string | undefined; body: Record<string, unknown> }[] = []

const upstream = await serve((message) =>
  message.headers.authorization === 'Bearer ABCD123456789'
    ? { status: 200, type: 'image/png', body: picture }
    : { status: 401, type: 'text/plain', body: Buffer.from('no token') },
)
const downstream = await serve((message, body) => {
  mails.push({
    authorization: message.headers.authorization,
    body: JSON.parse(body.toString('utf8')) as Record<string, unknown>,
  })
  return { status: 202, type: 'application/json', body: Buffer.from('{"accepted":true}') }
})
const { server, origin } = await startServer()
try {
  await demo()
  console.log('\nEverything is as it should be.')
} finally {
  server.kill('SIGTERM')
  upstream.close()
  downstream.close()
  await once(server, 'exit')
  await rm(folder, { recursive: true, force: true })
}

async function demo(): Promise<void> {
  say('1. Upload a function and call it.')
  const hello = await upload('hello')
  const greeting = await curl(
    `-X POST ${origin}/api/run/${hello.wasm_id}/say -H 'Content-Type: text/plain' --data 'world'`,
  )
  assert.equal(greeting, 'hello world')

  say('2. Fetch an input: a caption on a picture that lies elsewhere, behind a token.')
  const caption = await upload('caption')
  const spec = JSON.stringify({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: upstream.port,
    path: '/demo/dog.png',
    method: 'GET',
    headers: { authorization: 'Bearer ABCD123456789' },
  })
  const output = path.join(folder, 'tmp.png')
  await curl(
    `${origin}/api/multipart/run/${caption.wasm_id}/caption/bytes` +
      ` -F 'input_1=Howdy Wasmhook' -F 'fetch_input_2=${spec}' --output ${output}`,
  )
  const captioned = await readFile(output)
  assert.deepEqual(pngSize(captioned), { width: 640, height: 480 })
  assert.notDeepEqual(captioned, picture)
  console.log(`   ${output}: a PNG of 640 x 480, ${captioned.length} bytes`)

  say('3. Store a callback, so that results are forwarded: here to a mail service of our own.')
  const email = await upload('email')
  const callback = JSON.stringify({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: downstream.port,
    path: '/v3/mail/send',
    method: 'POST',
    headers: { 'Content-Type': 'application/json', authorization: 'Bearer SG.xxxx' },
  })
  await curl(
    `-X PUT ${origin}/api/callback/${email.wasm_id} -H 'Content-Type: application/json'` +
      ` -H 'SSVM_Admin_Key: ${email.SSVM_Admin_Key}' --data '${callback}'`,
  )
  const forwarded = await curl(
    `-X POST ${origin}/api/run/${email.wasm_id}/say -H 'Content-Type: text/plain' --data 'Hello Wasmhook'`,
  )
  assert.equal(forwarded, '{"accepted":true}')
  assert.equal(mails.length, 1)
  const [mail] = mails
  assert.equal(mail?.authorization, 'Bearer SG.xxxx')
  console.log('   What the mail service received:')
  console.log(indent(JSON.stringify(mail.body, null, 2)))
  assert.match(JSON.stringify(mail.body), /Hello Wasmhook/)
  assert.ok('personalizations' in mail.body)

  say('4. Look at what happened.')
  const runs = await curl(
    `'${origin}/api/executables/${email.wasm_id}/runs?limit=1' -H 'SSVM_Admin_Key: ${email.SSVM_Admin_Key}'`,
  )
  const page = JSON.parse(runs) as { items: { status: string }[] }
  assert.equal(page.items[0]?.status, 'succeeded')
}

async function upload(name: string): Promise<{ wasm_id: number; SSVM_Admin_Key: string }> {
  const file = path.relative(root, path.join(root, 'examples-rust', name, `${name}.wasm`))
  const answer = await curl(
    `-X POST ${origin}/api/executables -H 'Content-Type: application/octet-stream'` +
      ` -H 'SSVM-Description: ${name}' --data-binary @${file}`,
  )
  return JSON.parse(answer) as { wasm_id: number; SSVM_Admin_Key: string }
}

/** Runs the line as a shell would and answers what came back. */
async function curl(line: string): Promise<string> {
  console.log(`\n$ curl ${line}`)
  const { stdout } = await run(
    'sh',
    ['-c', `curl --silent --show-error --fail-with-body ${line}`],
    {
      cwd: root,
    },
  ).catch((error: unknown) => {
    const { stdout: answer, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`curl failed: ${stderr}${answer}`)
  })
  if (stdout !== '') console.log(indent(stdout))
  return stdout
}

async function startServer(): Promise<{ server: ChildProcess; origin: string }> {
  const log = path.join(folder, 'server.log')
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    cwd: root,
    env: {
      ...process.env,
      PORT: '0',
      DATA_DIR: path.join(folder, 'data'),
      // The demo's own services listen on loopback, which is refused unless it is listed.
      OUTBOUND_ALLOW: '127.0.0.1',
      LOG_LEVEL: 'info',
      API_TOKEN: '',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    const entry = JSON.parse(line) as { origin?: string }
    if (entry.origin === undefined) continue
    child.stdout.resume()
    return { server: child, origin: entry.origin }
  }
  await writeFile(log, lines.join('\n'))
  throw new Error(`The server did not start:\n${lines.join('\n')}`)
}

interface Answer {
  status: number
  type: string
  body: Buffer
}

async function serve(
  answer: (message: IncomingMessage, body: Buffer) => Answer,
): Promise<{ port: number; close: () => void }> {
  const service = createServer((message, reply) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const { status, type, body } = answer(message, Buffer.concat(chunks))
      reply.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
    })
  })
  service.listen(0, '127.0.0.1')
  await once(service, 'listening')
  return {
    port: (service.address() as AddressInfo).port,
    close: () => {
      service.closeAllConnections()
      service.close()
    },
  }
}

function say(sentence: string): void {
  console.log(`\n# ${sentence}`)
}

function indent(text: string): string {
  return text.replace(/^/gm, '   ')
}
