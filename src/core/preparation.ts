// What is done once with a delivery of a message before its first attempt: whether its endpoint wants it, and what
// is made of it. What comes of it is kept, and every attempt sends those bytes.
import { payloadOf, withPayload } from '../event-envelope.ts'
import { matchesPayload } from '../payload-filter.ts'
import type { EndpointSettings } from '../model.ts'
import type { LeasedDelivery } from '../storage/storage.ts'
import { withToken } from './event-token.ts'
import { aliveAt, secretText } from './signing.ts'

/** What it came to. */
export type Prepared =
  | { kind: 'ready'; body: Buffer; contentType: string }
  /** It is not to be sent. */
  | { kind: 'discarded'; reason: 'filtered' | 'token_fields_missing' }

/** One whose body is still the message as it was published. */
export type Unprepared = Pick<
  LeasedDelivery,
  'body' | 'contentType' | 'createdAtMs' | 'signingSecrets'
> & {
  event: { type: string }
}

export type Preparation = ReturnType<typeof createPreparation>

export function createPreparation({ now }: { now: () => number }) {
  return {
    prepare(delivery: Unprepared, settings: EndpointSettings): Prepared {
      let payload = payloadOf(delivery.body).toString()
      const { payloadFilter, signatureStyle, bodyStyle } = settings
      if (payloadFilter !== null && !matchesPayload(payloadFilter, JSON.parse(payload))) {
        return { kind: 'discarded', reason: 'filtered' }
      }
      if (signatureStyle === 'token') {
        const [secret] = aliveAt(now(), delivery.signingSecrets)
        const signed = secret === undefined ? undefined : withToken(payload, secretText(secret))
        if (signed === undefined) return { kind: 'discarded', reason: 'token_fields_missing' }
        payload = signed
      }
      const { contentType } = delivery
      const body = bodyStyle === 'raw' ? Buffer.from(payload) : withPayload(delivery.body, payload)
      return { kind: 'ready', body, contentType }
    },
  }
}
