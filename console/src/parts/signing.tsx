// Signing secrets, an endpoint's and a function's alike: which there are, and how a new one is made.
import { CopyButton } from './copy.tsx'
import { Time } from './facts.tsx'
import { Check, Choice } from './fields.tsx'

interface Secret {
  created_at: string
  /** Null: it is in use. */
  expires_at: string | null
  public_key: string | null
}

export function SecretList({ secrets }: { secrets: readonly Secret[] }) {
  return (
    <ul class="plain">
      {secrets.map((secret) => (
        <li key={secret.created_at}>
          Made <Time at={secret.created_at} />
          {secret.expires_at === null ? (
            ', signs'
          ) : (
            <>
              , signs until <Time at={secret.expires_at} />
            </>
          )}
          {secret.public_key !== null && (
            <>
              , with the public key <code>{secret.public_key}</code>{' '}
              <CopyButton text={secret.public_key} what="the public key" />
            </>
          )}
        </li>
      ))}
    </ul>
  )
}

export interface RotationDraft {
  overlap: keyof typeof OVERLAPS
  withPair: boolean
}

/** In milliseconds; nothing: as the server's SIGNING_SECRET_OVERLAP_MS says. */
const OVERLAPS = {
  '': 'as the server says: a day',
  '0': 'no longer: it leaked',
  '3600000': 'for an hour',
  '604800000': 'for a week',
} as const

/** As before: with a pair where the one in use has one. */
export function rotationOf(secrets: readonly Secret[]): RotationDraft {
  const inUse = secrets.find(({ expires_at: until }) => until === null)
  return { overlap: '', withPair: typeof inUse?.public_key === 'string' }
}

export function toRotation({ overlap, withPair }: RotationDraft) {
  return { v1a: withPair, ...(overlap === '' ? {} : { overlap_ms: Number(overlap) }) }
}

interface Props {
  draft: RotationDraft
  onChange: (draft: RotationDraft) => void
  /** There is an earlier one. */
  again: boolean
}

export function RotationFields({ draft, onChange, again }: Props) {
  return (
    <>
      {again && (
        <Choice
          label="The old one signs beside it"
          value={draft.overlap}
          options={OVERLAPS}
          onChange={(overlap) => onChange({ ...draft, overlap })}
        />
      )}
      <Check checked={draft.withPair} onChange={(withPair) => onChange({ ...draft, withPair })}>
        With a key pair too (ed25519), whose public key receivers verify with
      </Check>
    </>
  )
}
