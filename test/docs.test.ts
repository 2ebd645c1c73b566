// The reference pages say what the code says.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { configurationPage, errorsPage, metricsPage } from '../scripts/reference-docs.ts'
import { limitsPage, readConstant, serverSettings } from '../scripts/limits-page.ts'
import { CONSTANTS, PAST_SETTING } from '../scripts/limits-table.ts'
import { SETTING_OF } from '../src/core/limits.ts'
import { ERRORS } from '../src/errors.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const PAGES = [
  ['configuration.md', configurationPage],
  ['errors.md', errorsPage],
  ['metrics.md', metricsPage],
  ['limits.md', limitsPage],
] as const

for (const [name, page] of PAGES) {
  test(`docs/${name} is what \`npm run docs\` writes`, async () => {
    const text = await readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8')
    assert.equal(text, page())
  })
}

test('every setting that bounds something has its row in docs/limits.md', () => {
  const settings = [...Object.values(SETTING_OF), ...serverSettings()].sort()
  assert.deepEqual(Object.keys(PAST_SETTING).sort(), settings)
})

test('every constant named …_MAX has its row in docs/limits.md', async () => {
  const missing: string[] = []
  for (const [folder, ending] of [
    ['src', '.ts'],
    ['runtime/engine/src', '.rs'],
    ['runtime/addon/src', '.rs'],
  ] as const) {
    const names = await readdir(path.join(ROOT, folder), { recursive: true })
    for (const name of names.filter((one) => one.endsWith(ending) && one !== 'config.ts')) {
      const file = path.posix.join(folder, name)
      const text = await readFile(path.join(ROOT, file), 'utf8')
      for (const [, constant = ''] of text.matchAll(/\bconst ([A-Z][A-Z0-9_]*_MAX(?:_MS)?)\b/g)) {
        const listed = CONSTANTS.some((row) => row.file === file && row.name === constant)
        if (!listed) missing.push(`${file}: ${constant}`)
      }
    }
  }
  assert.deepEqual(missing, [])
})

test('docs/limits.md names only errors there are', () => {
  const past = [...Object.values(PAST_SETTING), ...CONSTANTS.map((row) => row.past)].join(' ')
  const codes = [...past.matchAll(/`([A-Z][A-Z_]+)`/g)].map((match) => match[1] ?? '')
  assert.deepEqual(
    codes.filter((code) => !(code in ERRORS)),
    [],
  )
})

test('a constant is read as the code computes it', () => {
  assert.equal(readConstant('src/http/server.ts', 'HEADER_BYTES_MAX'), 65_536)
  assert.equal(readConstant('runtime/engine/src/complexity.rs', 'NAMES_BYTES_MAX'), 4_194_304)
  assert.equal(readConstant('src/core/run-journal.ts', 'EARLY_FLUSH_BYTES'), 33_554_432)
  assert.throws(() => readConstant('src/http/server.ts', 'NO_SUCH_MAX'), /no constant/)
})
