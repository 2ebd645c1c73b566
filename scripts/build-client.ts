// Builds packages/client: its types from the API's description, then ES modules and CommonJS in dist/.
import { execFile } from 'node:child_process'
import { copyFile, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeClientTypes } from './client-types.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGE = path.join(ROOT, 'packages/client')

await writeClientTypes()
await rm(path.join(PACKAGE, 'dist'), { recursive: true, force: true })
await Promise.all(['tsconfig.json', 'tsconfig.cjs.json'].map(compile))
await Promise.all(['esm', 'cjs'].map(nameModules))
// The package is of ES modules; what is below here is not.
await writeFile(path.join(PACKAGE, 'dist/cjs/package.json'), '{ "type": "commonjs" }\n')
await copyFile(path.join(ROOT, 'LICENSE'), path.join(PACKAGE, 'LICENSE'))

/** The compiler names modules in declarations as the sources do, which older compilers do not find. */
async function nameModules(kind: string): Promise<void> {
  const folder = path.join(PACKAGE, 'dist', kind)
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.d.ts')) continue
    const file = path.join(folder, name)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace(/(from '\..+)\.ts'/g, "$1.js'"))
  }
}

async function compile(config: string): Promise<void> {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  try {
    await run(process.execPath, [tsc, '-p', path.join(PACKAGE, config)])
  } catch (error) {
    throw new Error(`${config}: ${(error as { stdout: string }).stdout}`, { cause: error })
  }
}
