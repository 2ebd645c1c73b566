// The receivers' code that docs/delivery.md shows, and messages that it must accept or refuse.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'

export interface SignatureCase {
  name: string
  secret: string
  headers: Record<string, string>
  /** In base64: it need not be text. */
  body: string
  accepted: boolean
}

/** The code of the docs in a language, in the order of its blocks. */
export async function snippets(language: string): Promise<string[]> {
  const page = await readFile(new URL('../../docs/delivery.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))]
  assert.ok(blocks.length > 0, `no ${language} in docs/delivery.md`)
  return blocks.map(([, code = '']) => code)
}

/** Signed at this moment, so they are for at once. */
export function signatureCases(): SignatureCase[] {
  const key = randomBytes(32)
  const secret = `whsec_${key.toString('base64')}`
  const bytes = Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a, 0x2e])
  const now = Math.floor(Date.now() / 1000)

  function message(body: Buffer, timestamp = String(now)): Record<string, string> {
    const id = '0199b5a4-0000-7000-8000-000000000001'
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body)
    return {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${mac.digest('base64')}`,
    }
  }
  const cases: SignatureCase[] = []
  const add = (
    name: string,
    accepted: boolean,
    headers: Record<string, string>,
    body = bytes,
  ): void => {
    cases.push({ name, secret, headers, body: body.toString('base64'), accepted })
  }
  const good = message(bytes)
  const list = good['webhook-signature']!
  const other = `v1,${randomBytes(32).toString('base64')}`
  add('binary', true, good)
  add('JSON', true, message(Buffer.from('{"a":"ä"}')), Buffer.from('{"a":"ä"}'))
  add('an empty body', true, message(Buffer.alloc(0)), Buffer.alloc(0))
  add('four minutes old', true, message(bytes, String(now - 240)))
  add('a list', true, { ...good, 'webhook-signature': `${other} ${list} v1a,AAAA` })
  add('another body', false, good, Buffer.from('other'))
  add('another id', false, { ...good, 'webhook-id': 'other' })
  add('another timestamp', false, { ...good, 'webhook-timestamp': String(now + 1) })
  add('too old', false, message(bytes, String(now - 360)))
  add('too new', false, message(bytes, String(now + 360)))
  add('no number', false, message(bytes, 'now'))
  add('an endless number', false, message(bytes, '9'.repeat(40)))
  add('another signature', false, { ...good, 'webhook-signature': other })
  add('another version', false, { ...good, 'webhook-signature': list.replace('v1', 'v2') })
  add('half a signature', false, { ...good, 'webhook-signature': list.slice(0, 20) })
  add('no words', false, { ...good, 'webhook-signature': ' , v1 v1, ü,' })
  add('no signature', false, { ...good, 'webhook-signature': '' })
  add('no headers', false, {})
  const wrong = `whsec_${randomBytes(32).toString('base64')}`
  cases.push({ ...cases[0]!, name: 'another secret', secret: wrong, accepted: false })
  return cases
}
