// Writes docs/configuration.md and docs/errors.md from the tables in the code: `npm run docs`.
// test/docs.test.ts fails where a file and its table differ.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FLAGS, LISTS, NUMBERS, TEXTS } from '../src/config.ts'
import type { Setting } from '../src/config.ts'
import { ERRORS } from '../src/errors.ts'

const GENERATED = '<!-- Written by `npm run docs` from the code; do not edit by hand. -->'

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
  return Object.entries(NUMBERS).map(([name, { default: value, range, unit, about }]) => {
    // It depends on the machine: the page says the rule, not this machine's number.
    const shown = name === 'SANDBOX_THREADS' ? '4 a core, at least 8' : grouped(value)
    const [least, most] = range ?? [0, 0]
    return [`\`${name}\``, shown, `${grouped(least)} to ${grouped(most)}`, unit, about]
  })
}

function showDefault(value: unknown): string {
  if (value === false) return '0'
  const text = Array.isArray(value) ? value.join(',') : String(value)
  return text === '' ? '(empty)' : `\`${text}\``
}

function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

function table(head: readonly string[], rows: readonly string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'docs')
  await writeFile(path.join(docs, 'configuration.md'), configurationPage())
  await writeFile(path.join(docs, 'errors.md'), errorsPage())
}
