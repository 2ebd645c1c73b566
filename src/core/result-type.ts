// The media type of a result. The caller's Accept never chooses it: a guest must not be able to have
// its bytes served as whatever a victim's browser asks for.

const MAGIC: readonly (readonly [type: string, offset: number, magic: Buffer])[] = [
  ['image/png', 0, Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ['image/jpeg', 0, Buffer.from([0xff, 0xd8, 0xff])],
  ['image/gif', 0, Buffer.from('GIF87a')],
  ['image/gif', 0, Buffer.from('GIF89a')],
  ['application/pdf', 0, Buffer.from('%PDF-')],
]

export function resultType(bytes: Buffer, isText: boolean): string {
  if (isText) return isJsonContainer(bytes) ? 'application/json' : 'text/plain; charset=utf-8'
  if (matches(bytes, 0, Buffer.from('RIFF')) && matches(bytes, 8, Buffer.from('WEBP'))) {
    return 'image/webp'
  }
  const known = MAGIC.find(([, offset, magic]) => matches(bytes, offset, magic))
  return known?.[0] ?? 'application/octet-stream'
}

function matches(bytes: Buffer, offset: number, magic: Buffer): boolean {
  return bytes.subarray(offset, offset + magic.length).equals(magic)
}

/** A JSON object or array; a bare string or number stays text. */
function isJsonContainer(bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length && ' \t\n\r'.includes(String.fromCharCode(bytes[at] ?? 0))) at++
  if (bytes[at] !== 0x7b && bytes[at] !== 0x5b) return false
  try {
    JSON.parse(bytes.toString('utf8'))
    return true
  } catch {
    return false
  }
}
