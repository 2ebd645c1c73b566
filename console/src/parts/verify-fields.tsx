// How a source knows its sender: the scheme, what that one needs, and its secrets.
import { useId } from 'preact/hooks'
import { PLACE_WORDS, SCHEMES } from '../source-draft.ts'
import type { Scheme, VerifyDraft } from '../source-draft.ts'

interface Props {
  draft: VerifyDraft
  onChange: (changed: Partial<VerifyDraft>) => void
}

export function VerifyFields({ draft, onChange }: Props) {
  const id = useId()
  const { scheme, username, name, secrets } = draft
  const { about } = SCHEMES[scheme]
  return (
    <>
      <div class="field">
        <label for={`${id}-scheme`}>How its sender is known</label>
        <select
          id={`${id}-scheme`}
          value={scheme}
          onChange={(event) => onChange({ scheme: event.currentTarget.value as Scheme })}
        >
          {Object.entries(SCHEMES).map(([one, { label }]) => (
            <option key={one} value={one}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {scheme === 'none' && (
        <p class="note warn">Anybody who learns the address can send what this source then does.</p>
      )}
      {scheme === 'secret' && (
        <div class="fields">
          <div class="field">
            <label for={`${id}-in`}>It stands in</label>
            <select
              id={`${id}-in`}
              value={draft.in}
              onChange={(event) => onChange({ in: event.currentTarget.value as VerifyDraft['in'] })}
            >
              {Object.entries(PLACE_WORDS).map(([place, words]) => (
                <option key={place} value={place}>
                  {words}
                </option>
              ))}
            </select>
          </div>
          <div class="field">
            <label for={`${id}-name`}>Its name there</label>
            <input
              id={`${id}-name`}
              type="text"
              autoComplete="off"
              spellcheck={false}
              placeholder="X-Gitlab-Token"
              value={name}
              onInput={(event) => onChange({ name: event.currentTarget.value })}
            />
          </div>
        </div>
      )}
      {scheme === 'basic' && (
        <div class="field">
          <label for={`${id}-username`}>Username</label>
          <input
            id={`${id}-username`}
            type="text"
            autoComplete="off"
            spellcheck={false}
            value={username}
            onInput={(event) => onChange({ username: event.currentTarget.value })}
          />
        </div>
      )}
      {scheme !== 'none' && (
        <div class="field">
          <label for={`${id}-secrets`}>Secrets, one on a line; any of them will do</label>
          <textarea
            id={`${id}-secrets`}
            class="mono"
            rows={2}
            autoComplete="off"
            spellcheck={false}
            aria-describedby={`${id}-about`}
            value={secrets}
            onInput={(event) => onChange({ secrets: event.currentTarget.value })}
          />
          <p class="muted small" id={`${id}-about`}>
            {about}
          </p>
        </div>
      )}
    </>
  )
}
