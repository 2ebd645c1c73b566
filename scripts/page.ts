// What the reference pages are written with.
import { NUMBERS } from '../src/settings.ts'

export const GENERATED = '<!-- Written by `npm run docs` from the code; do not edit by hand. -->'

/** A default. Where it depends on the machine, the pages say the rule, not this machine's number. */
export function shownDefault(name: keyof typeof NUMBERS): string {
  return name === 'SANDBOX_THREADS'
    ? '4 a core or a worker, at least 8'
    : grouped(NUMBERS[name].default)
}

export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

export function table(head: readonly string[], rows: readonly string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
