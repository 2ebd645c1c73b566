// The reference pages say what the code says.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { configurationPage, errorsPage, metricsPage } from '../scripts/reference-docs.ts'

const PAGES = [
  ['configuration.md', configurationPage],
  ['errors.md', errorsPage],
  ['metrics.md', metricsPage],
] as const

for (const [name, page] of PAGES) {
  test(`docs/${name} is what \`npm run docs\` writes`, async () => {
    const text = await readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8')
    assert.equal(text, page())
  })
}
