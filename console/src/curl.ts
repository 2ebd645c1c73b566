// The line for a terminal that does what a button here does. It names files and keys, and holds none.
import { ROOT } from './client.ts'
import { session } from './session.ts'

/** A word of the line: `raw` is for what the shell shall read, as variables. */
export type Word = string | { raw: string }

/** One argument of a shell, whatever it holds. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** A line that asks any server. */
export function curlTo(...words: readonly Word[]): string {
  const said = words.map((word) => (typeof word === 'string' ? quote(word) : word.raw))
  return ['curl', ...said].join(' ')
}

/** A line that asks this server, with the token where one is needed. */
export function curl(method: string, path: string, ...rest: readonly Word[]): string {
  return ask(method, path, session.token() === undefined ? [] : TOKEN, rest)
}

/** The same for what the owner of a function does. */
export function ownerCurl(method: string, path: string, ...rest: readonly Word[]): string {
  return ask(method, path, session.token() === undefined ? ADMIN_KEY : TOKEN, rest)
}

/** The same for what whoever has a function's usage key does. */
export function callerCurl(method: string, path: string, ...rest: readonly Word[]): string {
  return ask(method, path, USAGE_KEY, rest)
}

const TOKEN: readonly Word[] = ['-H', { raw: '"Authorization: Bearer $API_TOKEN"' }]
const ADMIN_KEY: readonly Word[] = ['-H', { raw: '"SSVM_Admin_Key: $KEY"' }]
const USAGE_KEY: readonly Word[] = ['-H', { raw: '"SSVM_Usage_Key: $USAGE_KEY"' }]

function ask(method: string, path: string, key: readonly Word[], rest: readonly Word[]): string {
  const begin = method === 'GET' ? [] : ['-X', method]
  return curlTo(...begin, `${ROOT}${path}`, ...key, ...rest)
}

export function jsonWords(body: unknown): Word[] {
  return ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)]
}
