// The lines for a terminal that send a source what its scheme asks for, signed where it signs. The secret is `$SECRET`.
import type { Source } from './api.ts'
import { curlTo, quote } from '../curl.ts'
import type { Word } from '../curl.ts'

const BODY = '{"hello":"world"}'
const HMAC = 'openssl dgst -sha256 -hmac "$SECRET"'
const HEX = `${HMAC} -r | cut -d' ' -f1`

/** Undefined: only the sender has the key that signs. */
export function hookCurl({ url, verify }: Pick<Source, 'url' | 'verify'>): string | undefined {
  const { scheme, secrets = [] } = verify
  // Public keys are shown, and secrets are masked.
  if (secrets.length > 0 && secrets.every((one) => one.startsWith('whpk_'))) return undefined
  switch (scheme) {
    case 'none':
      return send(url)
    case 'secret':
      return withSecret(url, verify)
    case 'basic':
      return send(url, ['-u', { raw: `${quote(verify.username ?? '')}":$SECRET"` }])
    case 'bearer':
      return send(url, header('Authorization: Bearer $SECRET'))
    case 'github': {
      const words = header('X-Hub-Signature-256: sha256=$SIGN')
      return lines(signature('$BODY', HEX), send(url, words, SIGNED))
    }
    case 'shopify': {
      const made = signature('$BODY', `${HMAC} -binary | base64`)
      return lines(made, send(url, header('X-Shopify-Hmac-Sha256: $SIGN'), SIGNED))
    }
    case 'stripe': {
      const words = header('Stripe-Signature: t=$TIME,v1=$SIGN')
      return lines(TIME, signature('$TIME.$BODY', HEX), send(url, words, SIGNED))
    }
    case 'slack': {
      const words = [
        ...header('X-Slack-Request-Timestamp: $TIME'),
        ...header('X-Slack-Signature: v0=$SIGN'),
      ]
      return lines(TIME, signature('v0:$TIME:$BODY', HEX), send(url, words, SIGNED))
    }
    case 'standard-webhooks': {
      const hmac = 'openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64'
      const words = [
        ...header('webhook-id: msg_$TIME'),
        ...header('webhook-timestamp: $TIME'),
        ...header('webhook-signature: v1,$SIGN'),
      ]
      return lines(TIME, KEY, signature('msg_$TIME.$TIME.$BODY', hmac), send(url, words, SIGNED))
    }
  }
}

/** The body that was signed. */
const SIGNED = { raw: '"$BODY"' }
const TIME = 'TIME=$(date +%s)'
/** The bytes that the secret of Standard Webhooks stands for, as openssl takes them. */
const KEY = `KEY=$(printf %s "\${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')`

function withSecret(url: string, { in: place, name = '' }: Source['verify']): string {
  // Names are quoted by themselves: shells read much in double quotes.
  const within = (before: string, after = ''): Word => ({
    raw: `${quote(before)}"$SECRET"${after === '' ? '' : quote(after)}`,
  })
  if (place === 'header') return send(url, ['-H', within(`${name}: `)])
  if (place === 'query') return send(within(`${url}?${encodeURIComponent(name)}=`))
  return send(url, [], within(`{${JSON.stringify(name)}:"`, '","hello":"world"}'))
}

function header(text: string): Word[] {
  return ['-H', { raw: `"${text}"` }]
}

/** Of the body, which every scheme signs, and what stands before it. */
function signature(text: string, made: string): string {
  return lines(`BODY=${quote(BODY)}`, `SIGN=$(printf %s "${text}" | ${made})`)
}

function send(url: Word, more: readonly Word[] = [], body: Word = BODY): string {
  return curlTo(url, ...more, '-H', 'Content-Type: application/json', '--data-raw', body)
}

function lines(...all: readonly string[]): string {
  return all.join('\n')
}
