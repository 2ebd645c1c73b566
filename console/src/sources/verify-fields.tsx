// How a source knows its sender: the scheme, what that one needs, and its secrets.
import { PLACE_WORDS, SCHEMES } from './source-draft.ts'
import type { Scheme, VerifyDraft } from './source-draft.ts'
import { Choice, TextField } from '../parts/fields.tsx'

interface Props {
  draft: VerifyDraft
  onChange: (changed: Partial<VerifyDraft>) => void
}

const LABELS = Object.fromEntries(
  Object.entries(SCHEMES).map(([scheme, { label }]) => [scheme, label]),
) as Readonly<Record<Scheme, string>>

export function VerifyFields({ draft, onChange }: Props) {
  const { scheme } = draft
  return (
    <>
      <Choice
        label="How its sender is known"
        value={scheme}
        options={LABELS}
        onChange={(chosen) => onChange({ scheme: chosen })}
      />
      {scheme === 'none' && (
        <p class="note warn">Anybody who learns the address can send what this source then does.</p>
      )}
      {scheme === 'secret' && (
        <div class="fields">
          <Choice
            label="It stands in"
            value={draft.in}
            options={PLACE_WORDS}
            onChange={(place) => onChange({ in: place })}
          />
          <TextField
            label="Its name there"
            placeholder="X-Gitlab-Token"
            value={draft.name}
            onChange={(name) => onChange({ name })}
          />
        </div>
      )}
      {scheme === 'basic' && (
        <TextField
          label="Username"
          value={draft.username}
          onChange={(username) => onChange({ username })}
        />
      )}
      {scheme !== 'none' && (
        <TextField
          label="Secrets, one on a line; any of them will do"
          rows={2}
          mono
          help={SCHEMES[scheme].about}
          value={draft.secrets}
          onChange={(secrets) => onChange({ secrets })}
        />
      )}
    </>
  )
}
