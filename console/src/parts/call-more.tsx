// What most calls do without: where the result is sent on to, a key that makes a second call safe, and not to wait.
import { useId } from 'preact/hooks'
import { makeBinForTrying } from '../api/bins.ts'
import { complaintOfMore } from '../call.ts'
import type { More } from '../call.ts'
import { linkTo } from '../route.ts'
import { Action } from './action.tsx'

interface Props {
  more: More
  /** The address of the stored callback, as far as it is known. */
  stored: string | undefined
  complained: boolean
  onChange: (changed: Partial<More>) => void
}

export function CallMore({ more, stored, complained, onChange }: Props) {
  const name = useId()
  const wrong = complained ? complaintOfMore(more) : undefined
  const { target, bin, idempotencyKey, background } = more

  async function toNewBin(): Promise<void> {
    const made = await makeBinForTrying()
    onChange({ bin: made, target: made.url })
  }

  return (
    <>
      <details class="more">
        <summary>Send the result on, and more</summary>
        <div class="field">
          <label for={`${name}-target`}>Send the result to</label>
          <input
            id={`${name}-target`}
            type="text"
            inputMode="url"
            autoComplete="off"
            spellcheck={false}
            placeholder="https://…"
            aria-describedby={`${name}-about`}
            aria-invalid={wrong !== undefined || undefined}
            value={target}
            onInput={(event) => onChange({ target: event.currentTarget.value })}
          />
          <p class="muted small" id={`${name}-about`}>
            A URL, or HTTP options as JSON. What it answers is what you get.{' '}
            {stored === undefined
              ? 'Left empty, the result comes back here.'
              : `Left empty, it goes to ${stored}, as the settings say.`}
          </p>
        </div>
        <div class="row">
          <Action
            verb="To a new request bin"
            act={toNewBin}
            done="The bin is made and named above."
          />
          {bin !== undefined && bin.url === target.trim() && (
            <a href={linkTo('bin', { tenant: bin.tenant, id: bin.bin_id })}>Open the bin</a>
          )}
        </div>
        <div class="field">
          <label for={`${name}-key`}>Idempotency key</label>
          <input
            id={`${name}-key`}
            type="text"
            autoComplete="off"
            spellcheck={false}
            placeholder="order-4711"
            aria-describedby={`${name}-key-about`}
            value={idempotencyKey}
            onInput={(event) => onChange({ idempotencyKey: event.currentTarget.value })}
          />
          <p class="muted small" id={`${name}-key-about`}>
            The same call with the same key gets the first answer again, and runs nothing.
          </p>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={background}
            onChange={(event) => onChange({ background: event.currentTarget.checked })}
          />
          Run it in the background
        </label>
      </details>
      {wrong !== undefined && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </>
  )
}
