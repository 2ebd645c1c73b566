// What a request says of its signature, in the manner of each scheme.
import type { IncomingHttpHeaders } from 'node:http'
import type { SignedScheme } from '../../source-model.ts'
import { bodyMember } from './event-id.ts'
import { headerOf } from './hook-request.ts'
import type { HookRequest } from './hook-request.ts'
import { fromBase64 } from './keys.ts'
import { refused } from './refusals.ts'
import type { Refused } from './refusals.ts'

export interface Claim {
  /** Signed before the body. */
  head: Buffer
  /** HMAC-SHA256, 32 bytes each. */
  macs: readonly Buffer[]
  /** 64 bytes each. */
  ed25519: readonly Buffer[]
  /** Null: the scheme signs no time. */
  timestampS: number | null
}

interface Scheme {
  claimOf: (headers: IncomingHttpHeaders) => Claim | Refused
  /** The sender's own id of the event, of any type. */
  eventIdOf: (request: HookRequest, jsonBytesMax: number) => unknown
}

/** Of a header with many signatures, and of either kind. */
export const SIGNATURES_MAX = 10
const MAC_BYTES = 32
const ED25519_BYTES = 64

export const SCHEMES: Readonly<Record<SignedScheme, Scheme>> = {
  'standard-webhooks': {
    claimOf: standardClaim,
    eventIdOf: ({ headers }) => headerOf(headers, `${standardPrefix(headers)}-id`),
  },
  stripe: {
    claimOf: stripeClaim,
    eventIdOf: ({ body }, bytesMax) => bodyMember(body, 'id', bytesMax),
  },
  slack: {
    claimOf: slackClaim,
    eventIdOf: ({ body }, bytesMax) => bodyMember(body, 'event_id', bytesMax),
  },
  github: {
    claimOf: githubClaim,
    eventIdOf: ({ headers }) => headerOf(headers, 'x-github-delivery'),
  },
  shopify: {
    claimOf: shopifyClaim,
    // X-Shopify-Event-Id is the same for all deliveries of one action of a merchant: by it, most would be lost.
    eventIdOf: ({ headers }) => headerOf(headers, 'x-shopify-webhook-id'),
  },
}

/** Svix's servers send their own names. */
function standardPrefix(headers: IncomingHttpHeaders): 'webhook' | 'svix' {
  const isSvix =
    headerOf(headers, 'webhook-signature') === undefined &&
    headerOf(headers, 'svix-signature') !== undefined
  return isSvix ? 'svix' : 'webhook'
}

function standardClaim(headers: IncomingHttpHeaders): Claim | Refused {
  const prefix = standardPrefix(headers)
  const signatures = headerOf(headers, `${prefix}-signature`)
  if (signatures === undefined) return missing('webhook-signature')
  const id = headerOf(headers, `${prefix}-id`)
  if (id === undefined) return refused('ID_MISSING', `There is no header ${prefix}-id.`)
  const time = timeOf(headers, `${prefix}-timestamp`)
  if (typeof time !== 'string') return time
  // Between signatures there is a space; Node.js joins repeated headers with a comma before it.
  const words = signatures.split(/,? +/)
  const macs = decoded(words, /^v1,(.+)$/, fromBase64, MAC_BYTES)
  const ed25519 = decoded(words, /^v1a,(.+)$/, fromBase64, ED25519_BYTES)
  if (macs.length + ed25519.length === 0) {
    return refused('SIGNATURE_MALFORMED', `${prefix}-signature is v1, and base64 after a comma.`)
  }
  return { head: bytesOf(`${id}.${time}.`), macs, ed25519, timestampS: Number(time) }
}

function stripeClaim(headers: IncomingHttpHeaders): Claim | Refused {
  const header = headerOf(headers, 'stripe-signature')
  if (header === undefined) return missing('Stripe-Signature')
  const items = header.split(',').map((item) => item.trim())
  const times = items.filter((item) => item.startsWith('t='))
  const time = (times[0] ?? '').slice('t='.length)
  if (times.length === 0) {
    return refused('TIMESTAMP_MISSING', 'There is no t= in the header Stripe-Signature.')
  }
  if (times.length > 1 || !isSeconds(time)) return refused('TIMESTAMP_MALFORMED')
  const macs = decoded(items, /^v1=(.+)$/, fromHex, MAC_BYTES)
  if (macs.length === 0) {
    return refused('SIGNATURE_MALFORMED', 'Stripe-Signature is t=…,v1=… with 64 hex digits.')
  }
  return { head: bytesOf(`${time}.`), macs, ed25519: [], timestampS: Number(time) }
}

function slackClaim(headers: IncomingHttpHeaders): Claim | Refused {
  const header = headerOf(headers, 'x-slack-signature')
  if (header === undefined) return missing('X-Slack-Signature')
  const time = timeOf(headers, 'x-slack-request-timestamp')
  if (typeof time !== 'string') return time
  const macs = decoded([header], /^v0=(.+)$/, fromHex, MAC_BYTES)
  if (macs.length === 0) {
    return refused('SIGNATURE_MALFORMED', 'X-Slack-Signature is v0= and 64 hex digits.')
  }
  return { head: bytesOf(`v0:${time}:`), macs, ed25519: [], timestampS: Number(time) }
}

function githubClaim(headers: IncomingHttpHeaders): Claim | Refused {
  const header = headerOf(headers, 'x-hub-signature-256')
  if (header === undefined) {
    return missing('X-Hub-Signature-256', 'GitHub signs where the webhook has a secret.')
  }
  const macs = decoded([header], /^sha256=(.+)$/, fromHex, MAC_BYTES)
  if (macs.length === 0) {
    return refused('SIGNATURE_MALFORMED', 'X-Hub-Signature-256 is sha256= and 64 hex digits.')
  }
  return { head: bytesOf(''), macs, ed25519: [], timestampS: null }
}

function shopifyClaim(headers: IncomingHttpHeaders): Claim | Refused {
  const header = headerOf(headers, 'x-shopify-hmac-sha256')
  if (header === undefined) return missing('X-Shopify-Hmac-Sha256')
  const macs = decoded([header], /^(.+)$/, fromBase64, MAC_BYTES)
  if (macs.length === 0) {
    return refused('SIGNATURE_MALFORMED', 'X-Shopify-Hmac-Sha256 is base64 of 32 bytes.')
  }
  return { head: bytesOf(''), macs, ed25519: [], timestampS: null }
}

/** The first of those that are of the form and, decoded, as long as they must be. */
function decoded(
  texts: readonly string[],
  form: RegExp,
  decode: (text: string) => Buffer | undefined,
  bytes: number,
): Buffer[] {
  const found: Buffer[] = []
  for (const text of texts) {
    const signature = decode(form.exec(text)?.[1] ?? '')
    if (signature?.length === bytes) found.push(signature)
    if (found.length === SIGNATURES_MAX) break
  }
  return found
}

function fromHex(text: string): Buffer | undefined {
  return /^([0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : undefined
}

function timeOf(headers: IncomingHttpHeaders, name: string): string | Refused {
  const text = headerOf(headers, name)
  if (text === undefined) return refused('TIMESTAMP_MISSING', `There is no header ${name}.`)
  if (isSeconds(text)) return text
  const hint = /^\d{13}$/.test(text) ? [`${name} seems to be in milliseconds.`] : []
  return refused('TIMESTAMP_MALFORMED', ...hint)
}

/** As they are signed: one spelling for each time. */
function isSeconds(text: string): boolean {
  return /^[1-9]\d{0,10}$/.test(text)
}

function missing(header: string, ...hints: string[]): Refused {
  return refused('SIGNATURE_MISSING', `There is no header ${header}.`, ...hints)
}

/** Header texts have one character for each byte that was sent. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
