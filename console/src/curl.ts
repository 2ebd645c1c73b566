// The line for a terminal that does what a button here does. It names files and keys, and holds none.
import { ROOT } from './client.ts'
import { session } from './session.ts'

/** One argument of a shell, whatever it holds. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** A word of the line: `raw` is for what the shell shall read, as variables. */
export type Word = string | { raw: string }

export function line(words: readonly Word[]): string {
  return words.map((word) => (typeof word === 'string' ? quote(word) : word.raw)).join(' ')
}

export function tokenWords(token: string | undefined): Word[] {
  return token === undefined ? [] : ['-H', { raw: '"Authorization: Bearer $API_TOKEN"' }]
}

/** For what an owner does. */
export function adminWords(token: string | undefined): Word[] {
  return token === undefined ? ['-H', { raw: '"SSVM_Admin_Key: $KEY"' }] : tokenWords(token)
}

/** For what an owner does by a route of a function. */
export function curlFor(method: string, path: string, ...rest: Word[]): string {
  const words: Word[] = [{ raw: 'curl' }, '-X', method, `${ROOT}${path}`]
  return line([...words, ...adminWords(session.token()), ...rest])
}

export function jsonWords(body: unknown): Word[] {
  return ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]
}
