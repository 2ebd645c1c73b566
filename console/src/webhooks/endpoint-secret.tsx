// The signing secrets of one endpoint, and a new one in their place.
import { useState } from 'preact/hooks'
import { rotateSecret } from './endpoints-api.ts'
import type { Endpoint, MadeEndpoint } from './endpoints-api.ts'
import { Action } from '../parts/action.tsx'
import { Time } from '../parts/facts.tsx'
import { Secret } from '../parts/secret.tsx'
import { NEW_ROTATION, RotationFields, SecretList, sureOf, toRotation } from '../parts/signing.tsx'

interface Props {
  one: Endpoint
  onChanged: () => void
}

export function EndpointSecret({ one, onChanged }: Props) {
  const { tenant, endpoint_id: id, secrets } = one
  const [made, setMade] = useState<MadeEndpoint | undefined>(undefined)
  const [draft, setDraft] = useState(NEW_ROTATION)
  const old = made?.secrets.find(({ expires_at: until }) => until !== null)?.expires_at
  return (
    <>
      {made !== undefined && (
        <Secret text={made.secret} what="the new secret">
          This is the new secret, shown this once: copy it now and give it to the receiver.{' '}
          {old !== undefined && old !== null && (
            <>
              The old one signs beside it until <Time at={old} />.
            </>
          )}
        </Secret>
      )}
      <div class="call">
        <SecretList secrets={secrets} />
        <p class="muted">
          A new secret signs at once. While the old one signs beside it, the receiver has time to
          change over.
        </p>
        <RotationFields draft={draft} onChange={setDraft} secrets={secrets} />
        <Action
          verb="Rotate the secret"
          sure={sureOf(draft)}
          act={async () => {
            setMade(await rotateSecret({ tenant, id }, toRotation(draft)))
            setDraft(NEW_ROTATION)
          }}
          done=""
          onDone={onChanged}
        />
      </div>
    </>
  )
}
