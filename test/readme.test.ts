// Every curl line of the README works as it stands there, but for host and port.
// `npm ci && npm run demo`, `npm ci && npm test` and `npm start` are run by .ci/run and main.test.ts.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildApp } from './helpers/build-app.ts'
import { pngSize } from './helpers/picture.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

test('the curl lines of the README do what it says', async (t) => {
  const app = await buildApp(t)
  const service = await localService(t)
  const readme = await readFile(path.join(root, 'README.md'), 'utf8')
  const lines = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, block = '']) => block)
    .filter((block) => !block.includes('npm '))
    .join('')
    .replaceAll('http://127.0.0.1:8080', app.origin)
    .replaceAll('http://127.0.0.1:9000', service.origin)
    .replaceAll('"port":9000', `"port":${new URL(service.origin).port}`)
    // A failure of any line ends the script; the progress meter is noise.
    .replaceAll(/^curl /gm, 'curl -sS --fail-with-body ')
    .replaceAll('=$(curl ', '=$(curl -sS --fail-with-body ')
    .replaceAll(/^(curl .*)$/gm, '$1 && echo')
  const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-readme-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await symlink(path.join(root, 'examples-rust'), path.join(folder, 'examples-rust'))

  const { stdout } = await run('sh', ['-ec', lines], { cwd: folder })

  assert.match(stdout, /^hello world$/m)
  assert.equal(stdout.match(/^received$/gm)?.length, 2, 'the answers of the two waited for')
  // The one that was handed over arrives when it arrives.
  const received = await service.received(3)
  assert.deepEqual(
    received.sort(),
    ['again', 'later', 'world'].map((what) => `POST /receive hello ${what}`),
  )
  assert.match(stdout, /"status":"queued"/)
  assert.deepEqual(pngSize(await readFile(path.join(folder, 'captioned.png'))), {
    width: 320,
    height: 160,
  })
  assert.match(stdout, /"version":2/)
})

/** `npm run local-service` on a free port, and all that it printed after its first line. */
async function localService(
  t: TestContext,
): Promise<{ origin: string; received: (count: number) => Promise<string[]> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/local-service.ts', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  const printed: string[] = []
  lines.on('line', (line) => printed.push(line))
  return {
    origin: first.replace('listening on ', ''),
    async received(count) {
      while (printed.length < count) await once(lines, 'line')
      child.kill()
      await once(lines, 'close')
      return printed
    },
  }
}
