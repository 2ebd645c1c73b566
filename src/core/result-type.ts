// The media type of a result. The caller's Accept never chooses it: a guest must not be able to have
// its bytes served as whatever a victim's browser asks for.

const MAGIC: readonly (readonly [type: string, offset: number, magic: Buffer])[] = [
  ['image/png', 0, Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ['image/jpeg', 0, Buffer.from([0xff, 0xd8, 0xff])],
  ['image/gif', 0, Buffer.from('GIF87a')],
  ['image/gif', 0, Buffer.from('GIF89a')],
  ['application/pdf', 0, Buffer.from('%PDF-')],
]

/** @param kind what the sandbox found: text, and whether it is a JSON object or array */
export function resultType(bytes: Buffer, kind: { isText: boolean; isJson: boolean }): string {
  if (kind.isText) return kind.isJson ? 'application/json' : 'text/plain; charset=utf-8'
  if (matches(bytes, 0, Buffer.from('RIFF')) && matches(bytes, 8, Buffer.from('WEBP'))) {
    return 'image/webp'
  }
  const known = MAGIC.find(([, offset, magic]) => matches(bytes, offset, magic))
  return known?.[0] ?? 'application/octet-stream'
}

function matches(bytes: Buffer, offset: number, magic: Buffer): boolean {
  return bytes.subarray(offset, offset + magic.length).equals(magic)
}
