// `npm run test:python`: a receiver in Python, with the official packages from PyPI in an environment of its
// own, verifies what a real server sends.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { makeSecret } from './helpers/signatures.ts'
import { signatureCases, snippets } from './helpers/signature-snippets.ts'

const run = promisify(execFile)
const RECEIVER = fileURLToPath(new URL('helpers/receiver.py', import.meta.url))
/** The twins of the npm packages that test/signing.test.ts verifies with. */
const PACKAGES = ['standardwebhooks==1.1.0', 'svix==1.99.1']

type Verdicts = Record<'standardwebhooks' | 'svix' | 'snippet', boolean | null>

const ALL_ACCEPT: Verdicts = { standardwebhooks: true, svix: true, snippet: true }
const ALL_REFUSE: Verdicts = { standardwebhooks: false, svix: false, snippet: false }

describe('a receiver in Python', () => {
  const scope = suiteScope()
  let folder: string
  let python: string
  let env: NodeJS.ProcessEnv
  let app: TestApp
  let one: Uploaded
  let port: number

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-python-'))
    scope.after(() => rm(folder, { recursive: true, force: true }))
    await run('python3', ['-m', 'venv', path.join(folder, 'venv')])
    python = path.join(folder, 'venv', 'bin', 'python')
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await run(python, [...install, ...PACKAGES])
    const [code = ''] = await snippets('python')
    await writeFile(path.join(folder, 'snippet.py'), code)
    env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }

    const receiver = spawn(python, [RECEIVER], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    scope.after(() => receiver.kill())
    const [line] = (await once(createInterface({ input: receiver.stdout }), 'line')) as [string]
    port = Number(line)
    app = await buildApp(scope, { DELIVERY_POLL_MS: 10 })
    one = await upload(app, await guest('echo'))
  })

  function callback(secret: string): Record<string, string> {
    const headers = { 'X-Secret': secret }
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/', headers }
    return { ...admin(one), SSVM_Callback: JSON.stringify(spec) }
  }

  /** What it thinks of a forward that is waited for, and of a delivery of the same result. */
  async function verdicts(secret: string, body: string | Buffer): Promise<Verdicts[]> {
    const init = { headers: callback(secret), body, bytes: typeof body !== 'string' }
    const waited = await call(app, one, 'echo', init)
    assert.equal(waited.status, 200)
    const headers = { ...init.headers, prefer: 'respond-async' }
    const accepted = await call(app, one, 'echo', { ...init, headers })
    assert.equal(accepted.status, 202)
    const { run_id: runId } = (await accepted.json()) as { run_id: string }
    return [(await waited.json()) as Verdicts, await answerTo(runId)]
  }

  async function answerTo(runId: string): Promise<Verdicts> {
    const read = async (url: string): Promise<Record<string, unknown>> =>
      (await (await app.request(url, { headers: admin(one) })).json()) as Record<string, unknown>
    for (;;) {
      const [id] = (await read(`/api/runs/${runId}`)).delivery_ids as string[]
      if (id === undefined) continue
      const { attempts } = (await read(`/api/deliveries/${id}`)) as {
        attempts: { response_body: string }[]
      }
      if (attempts[0] !== undefined) return JSON.parse(attempts[0].response_body) as Verdicts
    }
  }

  test('verifies JSON with the official packages, and refuses it with another secret', async () => {
    const { secret } = await makeSecret(app, one)
    for (const body of ['{"name":"Zoë","n":1.0}', '[1, 2,\n 3]']) {
      assert.deepEqual(await verdicts(secret, body), [ALL_ACCEPT, ALL_ACCEPT])
    }
    const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    assert.deepEqual(await verdicts(other, '{}'), [ALL_REFUSE, ALL_REFUSE])
  })

  test('verifies with either secret while a rotation lasts, beside a key pair it does not know', async () => {
    const old = await makeSecret(app, one, { overlap_ms: 0 })
    const fresh = await makeSecret(app, one, { v1a: true })
    for (const { secret } of [old, fresh]) {
      assert.deepEqual(await verdicts(secret, '{"a":1}'), [ALL_ACCEPT, ALL_ACCEPT])
    }
  })

  test('verifies text and bytes with the code of the docs', async () => {
    const { secret } = await makeSecret(app, one, { overlap_ms: 0 })
    for (const body of ['plain text', Buffer.from([0, 0xff, 0xc3, 0x28])]) {
      for (const { snippet } of await verdicts(secret, body)) assert.equal(snippet, true)
    }
  })

  test('has code in the docs that accepts what is signed, and nothing else', async () => {
    const cases = signatureCases()
    const file = path.join(folder, 'cases.json')
    await writeFile(file, JSON.stringify(cases))
    const { stdout } = await run(python, [RECEIVER, file], { env })
    const expected = cases.map(({ name, accepted }) => [name, accepted])
    const got = JSON.parse(stdout) as boolean[]
    assert.deepEqual(
      cases.map(({ name }, n) => [name, got[n]]),
      expected,
    )
  })
})
