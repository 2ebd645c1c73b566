// The house rules that no linter checks.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { ERRORS } from '../src/errors.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Past this a file holds more than one idea. */
const LINES_MAX = 400
/** Suites list many cases. */
const TEST_LINES_MAX = 520

/** A compiled form that cannot be used is made anew before anybody hears of it. */
const NEVER_CROSSES = 'ARTEFACT_UNUSABLE'

/** Paths below the root, with the text of each file. */
async function filesBelow(folder: string, ending: RegExp): Promise<[string, string][]> {
  const names = await readdir(path.join(ROOT, folder), { recursive: true })
  const wanted = names.filter((name) => ending.test(name)).sort()
  return Promise.all(
    wanted.map(async (name): Promise<[string, string]> => {
      const file = path.join(folder, name)
      return [file, await readFile(path.join(ROOT, file), 'utf8')]
    }),
  )
}

const source = await filesBelow('src', /\.ts$/)
const tests = await filesBelow('test', /\.ts$/)
/** But for what is written by a script. */
const client = (await filesBelow('packages/client/src', /\.ts$/)).filter(
  ([file]) => !file.includes('generated'),
)
const pages = await filesBelow('console/src', /\.tsx?$/)
const bench = await filesBelow('bench', /\.ts$/)
const rust = [
  ...(await filesBelow('runtime/engine', /\.rs$/)),
  ...(await filesBelow('runtime/addon', /\.rs$/)),
]

test('no file is longer than one idea needs', () => {
  const lines = (text: string): number => text.trimEnd().split('\n').length
  const long = [
    ...[...source, ...client, ...pages, ...bench, ...rust].filter(
      ([, text]) => lines(text) > LINES_MAX,
    ),
    ...tests.filter(([, text]) => lines(text) > TEST_LINES_MAX),
  ]
  assert.deepEqual(
    long.map(([file, text]) => `${file}: ${lines(text)}`),
    [],
  )
})

test('every file begins by saying what it is for', () => {
  const silent = [...source, ...client, ...pages, ...tests, ...bench].filter(
    ([, text]) => !/^(#!.*\n)?(\/\/|\/\*\*) ?\S/.test(text),
  )
  assert.deepEqual(
    silent.map(([file]) => file),
    [],
  )
})

test('only main.ts knows the process', () => {
  const knowing = source.filter(([, text]) => /\bprocess\.\w/.test(text))
  assert.deepEqual(
    knowing.map(([file]) => file),
    ['src/main.ts'],
  )
})

test('nothing is left to do in the code', () => {
  const marker = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|'))
  const marked = [...source, ...client, ...pages, ...tests, ...bench, ...rust].filter(([, text]) =>
    marker.test(text),
  )
  assert.deepEqual(
    marked.map(([file]) => file),
    [],
  )
})

test('file names are kebab-case', () => {
  const odd = [...source, ...client, ...pages, ...tests, ...bench].filter(
    ([file]) => !/^[a-z0-9-]+(\.test|\.d)?\.tsx?$/.test(path.basename(file)),
  )
  assert.deepEqual(
    odd.map(([file]) => file),
    [],
  )
})

test('every error code is used, and every code that crosses from Rust has its row', () => {
  const rustCodes = rust
    .filter(([file]) => file.endsWith('engine/src/error.rs'))
    .flatMap(([, text]) => [...text.matchAll(/= "([A-Z][A-Z0-9_]+)"/g)].map((match) => match[1]!))
  assert.ok(rustCodes.length > 20)
  const all = source
    .filter(([file]) => file !== 'src/errors.ts')
    .map(([, text]) => text)
    .join('\n')
  const unused = Object.keys(ERRORS).filter(
    (code) => !all.includes(`'${code}'`) && !rustCodes.includes(code),
  )
  const unknown = rustCodes.filter((code) => !(code in ERRORS) && code !== NEVER_CROSSES)
  assert.deepEqual({ unused, unknown }, { unused: [], unknown: [] })
})

test('no two tests of a file make the same claim', () => {
  const repeated = tests.flatMap(([file, text]) => {
    const titles = [...text.matchAll(/^ *test\(\s*(['"`])(.+?)\1,/gm)].map((match) => match[2]!)
    return titles
      .filter((title, at) => titles.indexOf(title) !== at)
      .map((title) => `${file}: ${title}`)
  })
  assert.deepEqual(repeated, [])
})

test('every test file has its tests, and none is skipped or alone', () => {
  const files = tests.filter(([file]) => /^test\/[^/]+\.test\.ts$/.test(file))
  const idle = files.filter(([, text]) => !/\b(test(Storage|Topic)?|fuzz)\(/.test(text))
  const narrowed = files.filter(([, text]) => /\b(test|describe)\.(only|skip|todo)\b/.test(text))
  assert.deepEqual(
    [...idle, ...narrowed].map(([file]) => file),
    [],
  )
})
