// docs/delivery.md is a contract: each test that it names exists.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { test } from 'node:test'

test('every test that the contract of deliveries names exists', async () => {
  const folder = new URL('.', import.meta.url)
  const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'))
  const sources = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')))
  const all = sources.join('\n')
  const contract = await readFile(new URL('../docs/delivery.md', import.meta.url), 'utf8')
  const named = [...contract.matchAll(/_Test: (.+)_$/gm)].map((match) => match[1]!)
  assert.ok(named.length >= 9)
  for (const name of named) assert.ok(all.includes(`'${name}'`), name)
})
