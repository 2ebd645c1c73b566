// Why a source refuses a request. Its owner's history tells; the sender never learns.

/** docs/verification.md says the same. */
export const REFUSALS = {
  SIGNATURE_MISSING: 'The request is not signed.',
  SIGNATURE_MALFORMED: 'The signature is not written as the scheme writes it.',
  SIGNATURE_WRONG:
    'No secret of the source makes this signature: the sender has another secret, or what it signed was changed on the way.',
  TIMESTAMP_MISSING: 'The request does not say when it was signed.',
  TIMESTAMP_MALFORMED: 'When the request was signed is no whole number of seconds since 1970.',
  TIMESTAMP_OUT_OF_TOLERANCE:
    'The request was signed too long ago, or at a time to come: it was sent again later, or a clock is wrong.',
  ID_MISSING: 'The request has no id, which is signed with the body.',
  SECRET_MISSING: 'The request does not have the secret where the source looks for it.',
  SECRET_REPEATED: 'The request has the secret more than once.',
  SECRET_WRONG: 'The secret that the request has is none of those of the source.',
  CREDENTIALS_MISSING: 'The request has no Authorization header.',
  CREDENTIALS_MALFORMED: 'The Authorization header is not written as the scheme writes it.',
  CREDENTIALS_WRONG: 'Username and password are not those of the source.',
  BODY_NOT_JSON: 'The secret is to be in the body, which is no JSON object.',
  BODY_TOO_LARGE: 'The body is too large to look for a secret in it.',
  CHALLENGE_MALFORMED: 'What the sender wants repeated is missing, too long, or no plain text.',
  CHALLENGE_TOKEN_WRONG: 'The verify token is not that of the source.',
  ORIGIN_REFUSED: 'The sender names an origin that the source does not list.',
} as const satisfies Record<string, string>

export type RefusalCode = keyof typeof REFUSALS

export interface Refused {
  refused: { code: RefusalCode; message: string }
}

/** @param details sentences about this request and this source, of nothing that the sender wrote */
export function refused(code: RefusalCode, ...details: string[]): Refused {
  return { refused: { code, message: [REFUSALS[code], ...details].join(' ') } }
}

export function isRefused(outcome: object): outcome is Refused {
  return 'refused' in outcome
}
