// What a result is, by its bytes: a function's word for it is not taken, and nothing of it ever runs here.
import { exactComplaint, parseExactly } from '../json-text.ts'

export type Shown =
  | { as: 'empty' }
  | { as: 'json'; value: unknown; text: string }
  | { as: 'text'; text: string; cut: boolean }
  | { as: 'image'; type: string }
  | { as: 'bytes' }

/** Longer texts are for a file, no page. */
const TEXT_CHARS_MAX = 200_000
/** A tree of more would hold up the page. */
const JSON_CHARS_MAX = 1_000_000

/** How each begins. SVG is none: it can hold scripts, and is shown as text. */
const IMAGES: readonly [type: string, at: number, bytes: string][] = [
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/gif', 0, 'GIF8'],
  ['image/webp', 8, 'WEBP'],
]

export async function recognise(body: Blob): Promise<Shown> {
  if (body.size === 0) return { as: 'empty' }
  const bytes = new Uint8Array(await body.arrayBuffer())
  const begin = String.fromCharCode(...bytes.subarray(0, 16))
  const image = IMAGES.find(([, at, magic]) => begin.startsWith(magic, at))
  if (image !== undefined) return { as: 'image', type: image[0] }
  const text = decode(bytes)
  if (text === undefined) return { as: 'bytes' }
  const value = text.length > JSON_CHARS_MAX ? undefined : readTree(text)
  if (value !== undefined) return { as: 'json', value, text }
  return { as: 'text', text: text.slice(0, TEXT_CHARS_MAX), cut: text.length > TEXT_CHARS_MAX }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** Objects and lists; a lone number or word reads better as it is, and what would be rounded is true as text only. */
function readTree(text: string): unknown {
  const exact = /^\s*[{[]/.test(text) && exactComplaint(text) === undefined
  return exact ? parseExactly(text) : undefined
}
