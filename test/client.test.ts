// packages/client as its users get it: packed, installed into an empty project without a network, and used there
// against a real server.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readRoutes } from './helpers/api-description.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { POLL } from './helpers/deliveries.ts'
import { example, saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { Received } from './helpers/http-service.ts'
import { SMALL_ORDER_KEYS } from './helpers/weak-keys.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGE = path.join(ROOT, 'packages/client')
const API_TOKEN = 'the-token-of-the-operator'
const PACKED_BYTES_MAX = 100_000
/** What npm runs when a package is installed. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare']

describe('the packed client', () => {
  const scope = suiteScope()
  let app: TestApp
  let project: string
  let tarball: string

  before(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-client-'))
    scope.after(() => rm(folder, { recursive: true, force: true }))
    await run('npm', ['pack', '--pack-destination', folder], { cwd: PACKAGE })
    const [name = ''] = await readdir(folder)
    tarball = path.join(folder, name)
    project = path.join(folder, 'project')
    await mkdir(project)
    const manifest = JSON.stringify({ name: 'empty', private: true, type: 'module' })
    await writeFile(path.join(project, 'package.json'), manifest)
    const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
    await run('npm', ['install', ...options, tarball], { cwd: project })
    await cp(path.join(PACKAGE, 'consumer'), project, { recursive: true })
    app = await buildApp(scope, { API_TOKEN, ...POLL })
  })

  /** What a script prints that runs in the project. */
  async function script(args: string[], env: Record<string, string> = {}): Promise<string> {
    const options = { cwd: project, env: { ...process.env, ...env } }
    const { stdout } = await run(process.execPath, args, options)
    return stdout
  }

  test('is small, needs no other package and runs nothing when it is installed', async () => {
    assert.ok((await stat(tarball)).size < PACKED_BYTES_MAX)
    const installed = path.join(project, 'node_modules/@wasmhook/client')
    const manifest = JSON.parse(
      await readFile(path.join(installed, 'package.json'), 'utf8'),
    ) as Record<string, object | undefined>
    const kinds = ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundleDependencies']
    for (const kind of kinds) assert.equal(manifest[kind], undefined)
    const scripts = Object.keys(manifest.scripts ?? {})
    assert.deepEqual(
      INSTALL_SCRIPTS.filter((name) => scripts.includes(name)),
      [],
    )
    for (const name of await readdir(installed, { recursive: true })) {
      if (!/\.(js|d\.ts)$/.test(name)) continue
      const text = await readFile(path.join(installed, name), 'utf8')
      const imported = [...text.matchAll(/^(?:im|ex)port .*from '(.+)'|require\("(.+)"\)/gm)]
      for (const [, module, required] of imported) assert.match(module ?? required ?? '', /^\.\//)
    }
  })

  test('calls every kind of route, and verifies what the server signs and nothing else', async () => {
    await writeFile(path.join(project, 'hello.wasm'), await example('hello'))
    const bytes = saying({ bytes: Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a, 0x2e]), text: 'ä text' })
    await writeFile(path.join(project, 'bytes.wasm'), bytes)
    assert.equal(await script(['esm.mjs', app.origin, API_TOKEN]), 'all as expected\n')
  })

  test('verifies what comes in the forms that sources take, and says what is wrong with the rest', async () => {
    const weak = JSON.stringify(SMALL_ORDER_KEYS.map((key) => key.toString('base64')))
    assert.equal(await script(['verify.mjs', weak]), 'all as expected\n')
  })

  test('refuses what cannot be sent as it is said, and takes strange answers for what they are', async () => {
    assert.equal(await script(['strange.mjs']), 'all as expected\n')
  })

  test('is CommonJS too', async () => {
    assert.equal(await script(['cjs.cjs', app.origin, API_TOKEN]), 'all as expected\n')
  })

  test('does what its README says', async (t) => {
    let arrived: (request: Received) => void = () => undefined
    const arrival = new Promise<Received>((resolve) => (arrived = resolve))
    const target = await httpService(t, (request, reply) => {
      reply.end()
      arrived(request)
    })
    for (const [name, code] of await readmeFiles()) {
      const text = code.replace('http://127.0.0.1:9000', target.origin)
      await writeFile(path.join(project, name), text)
    }
    await writeFile(path.join(project, 'hello.wasm'), await example('hello'))
    const env = { WASMHOOK_URL: app.origin, WASMHOOK_TOKEN: API_TOKEN }
    const ran = await script(['run.js'], env)
    assert.match(
      ran,
      /^hello world\n202 \/api\/runs\/(\S+)\nhello parts\n(\S+ (succeeded|running|queued)\n){3}$/,
    )

    const published = await script(['publish.js'], env)
    const [, secret = ''] = /^(whsec_\S+)\n\S+ 1\n$/.exec(published) ?? []
    const { headers, body } = await arrival
    // fetch says itself where and how much it sends.
    const own = ['host', 'connection', 'content-length']
    const kept = Object.entries(headers).filter(([name]) => !own.includes(name))
    await script(['readme.mjs', JSON.stringify(Object.fromEntries(kept)), body.toString()], {
      WEBHOOK_SECRET: secret,
      PORT: '0',
    })
  })

  test('has types of every route, strict ones, for both ways of finding modules', async () => {
    const routes = await readRoutes(app)
    const named = routes.map(({ method, path: url }, at) => {
      const verb = method.toLowerCase()
      return `export type Options${at} = CallOptions<'${verb}', '${url}'>
        export type Answer${at} = Answer<'${verb}', '${url}'>`
    })
    const types = ["import type { Answer, CallOptions } from '@wasmhook/client'", ...named]
    await writeFile(path.join(project, 'routes.ts'), types.join('\n'))
    for (const [name, code] of await readmeFiles()) await writeFile(path.join(project, name), code)
    const tsc = [path.join(ROOT, 'node_modules/typescript/bin/tsc')]
    const typeRoots = ['--typeRoots', path.join(ROOT, 'node_modules/@types')]
    const bundler = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2023,dom']
    await Promise.all([
      script([...tsc, '-p', '.', ...typeRoots]),
      script([...tsc, '-p', '.', ...typeRoots, ...bundler]),
    ]).catch((error: unknown) => assert.fail((error as { stdout: string }).stdout))
  })
})

/** The code of the package's README, by the names that stand beside it. */
async function readmeFiles(): Promise<[string, string][]> {
  const text = await readFile(path.join(PACKAGE, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/^```js (\S+)\n(.*?)^```$/gms)]
  assert.ok(blocks.length >= 4)
  return blocks.map(([, name = '', code = '']) => [name, code])
}
