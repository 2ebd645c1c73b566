// Whether a request is from the sender that a source is for. Pure: nothing is remembered, and time is handed in.
import type { Verification } from '../../source-model.ts'
import { SCHEMES } from './claims.ts'
import { toEventId } from './event-id.ts'
import { visibleOf } from './hook-request.ts'
import type { Hidden, HookRequest, Visible } from './hook-request.ts'
import { isRefused } from './refusals.ts'
import type { Refused } from './refusals.ts'
import { checkBasic, checkBearer, checkSecret } from './shown-secrets.ts'
import { verifySigned } from './signed.ts'

/** What goes on from here has no credentials in it. */
export interface Verified extends Visible {
  /** The scheme's own id of the event; of `github` and `shopify` it is not signed. */
  eventId: string | null
  /**
   * Hex sha256 that names the signed bytes, whichever and however many signatures they have. Null where nothing is
   * signed.
   */
  signed: string | null
  /** Before this the same bytes with the same signatures are taken again; null where they are at any time. */
  signedUntilMs: number | null
  /** Where the secret was in it, without it and else byte for byte the same. */
  body: Buffer
}

/** @param jsonBytesMax of a body that may be parsed: JSON_SEARCH_BYTES. Of a larger one, no id is found in it. */
export async function verifyRequest(
  verification: Verification,
  request: HookRequest,
  nowMs: number,
  jsonBytesMax: number,
): Promise<Verified | Refused> {
  const { body } = request
  switch (verification.scheme) {
    case 'none':
      return unsigned(request, body)
    case 'secret': {
      const checked = checkSecret(verification, request, jsonBytesMax)
      if (isRefused(checked)) return checked
      const { in: where, name } = verification
      if (where === 'header') return unsigned(request, body, { header: name })
      if (where === 'query') return unsigned(request, body, { parameter: name })
      // The length that the sender gave is that with the secret.
      return unsigned(request, checked.body, { header: 'content-length' })
    }
    case 'basic':
      return checkBasic(verification, request) ?? unsigned(request, body)
    case 'bearer':
      return checkBearer(verification, request) ?? unsigned(request, body)
    case 'standard-webhooks':
    case 'stripe':
    case 'slack':
    case 'github':
    case 'shopify': {
      const checked = await verifySigned(verification, request, nowMs)
      if (isRefused(checked)) return checked
      const eventId = toEventId(SCHEMES[verification.scheme].eventIdOf(request, jsonBytesMax))
      return {
        ...visibleOf(request),
        eventId,
        signed: checked.signed,
        signedUntilMs: checked.signedUntilMs,
        body,
      }
    }
  }
}

function unsigned(request: HookRequest, body: Buffer, hidden?: Hidden): Verified {
  return { ...visibleOf(request, hidden), eventId: null, signed: null, signedUntilMs: null, body }
}
