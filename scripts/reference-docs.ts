// Writes docs/configuration.md, docs/errors.md and docs/limits.md from the code: `npm run docs`.
// test/docs.test.ts fails where a file and its table differ.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FLAGS, LISTS, NUMBERS, TEXTS } from '../src/config.ts'
import type { Setting } from '../src/config.ts'
import { ERRORS } from '../src/errors.ts'
import { limitsPage } from './limits-page.ts'
import { GENERATED, grouped, shownDefault, table } from './page.ts'

export function configurationPage(): string {
  return `# Configuration

${GENERATED}

Each setting is an environment variable and a flag: \`RUN_TIMEOUT_MS=5000\` or \`--run-timeout-ms 5000\`.
A value that cannot be used stops the start with a sentence. \`NAME\` is a default, \`NAME_MAX\` the
ceiling that no executable's own setting passes. \`NODE_EXTRA_CA_CERTS\` is honoured; \`HTTP_PROXY\` is not
read.

${table(['Setting', 'Default', 'Unit', 'What it is'], textRows())}

## Limits

${table(['Limit', 'Default', 'Allowed', 'Unit', 'What it bounds'], numberRows())}
`
}

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, [status, fault, meaning]]) => [
    `\`${code}\``,
    String(status),
    fault,
    meaning,
  ])
  return `# Errors

${GENERATED}

Every failure is JSON: \`{ "error": "<sentence>", "code": "<CODE>", … }\`. Branch on the code; the sentence is
for people and may change. A failed run's answer also carries \`run_id\`. Answers with status 503 carry
\`Retry-After\`, those with 405 \`Allow\`.

${table(['Code', 'Status', 'Whose fault', 'Meaning'], rows)}
`
}

function textRows(): string[][] {
  const settings: [string, Setting<unknown>][] = Object.entries({ ...TEXTS, ...LISTS, ...FLAGS })
  return settings.map(([name, { default: value, unit, about }]) => [
    `\`${name}\``,
    showDefault(value),
    unit,
    about,
  ])
}

function numberRows(): string[][] {
  const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]
  return names.map((name) => {
    const { range, unit, about } = NUMBERS[name]
    const [least, most] = range ?? [0, 0]
    return [`\`${name}\``, shownDefault(name), `${grouped(least)} to ${grouped(most)}`, unit, about]
  })
}

function showDefault(value: unknown): string {
  if (value === false) return '0'
  const text = Array.isArray(value) ? value.join(',') : String(value)
  return text === '' ? '(empty)' : `\`${text}\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'docs')
  await writeFile(path.join(docs, 'configuration.md'), configurationPage())
  await writeFile(path.join(docs, 'errors.md'), errorsPage())
  await writeFile(path.join(docs, 'limits.md'), limitsPage())
}
