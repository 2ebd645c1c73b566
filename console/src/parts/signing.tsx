// Signing secrets, an endpoint's and a function's alike: which there are, and how a new one is made.
import * as format from '../format.ts'
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
              <CopyButton
                text={secret.public_key}
                what={`the public key of ${format.time(secret.created_at)}`}
              />
            </>
          )}
        </li>
      ))}
    </ul>
  )
}

export interface RotationDraft {
  overlap: keyof typeof OVERLAPS
  /** Undefined: as before. */
  withPair: boolean | undefined
}

export const NEW_ROTATION: RotationDraft = { overlap: 'usual', withPair: undefined }

const OVERLAPS = {
  usual: 'as the server says (a day by default)',
  hour: 'for an hour',
  week: 'for a week',
  none: 'no longer: it leaked',
} as const

/** Of those but the usual one, which the server knows. */
const OVERLAP_MS = { hour: 3_600_000, week: 604_800_000, none: 0 } as const

export function toRotation({ overlap, withPair }: RotationDraft) {
  return {
    ...(overlap !== 'usual' && { overlap_ms: OVERLAP_MS[overlap] }),
    ...(withPair !== undefined && { v1a: withPair }),
  }
}

/** What the button says that does it. */
export function sureOf({ overlap }: RotationDraft): string {
  return overlap === 'none' ? 'Make a new secret; the old one ends now' : 'Make a new secret'
}

interface Props {
  draft: RotationDraft
  onChange: (draft: RotationDraft) => void
  /** Those there are. */
  secrets: readonly Secret[]
}

export function RotationFields({ draft, onChange, secrets }: Props) {
  const again = secrets.length > 0
  const inUse = secrets.find(({ expires_at: until }) => until === null)
  const hasPair = typeof inUse?.public_key === 'string'
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
      <Check
        checked={draft.withPair ?? hasPair}
        onChange={(withPair) => onChange({ ...draft, withPair })}
      >
        With a key pair too (ed25519), whose public key receivers verify with
      </Check>
    </>
  )
}
