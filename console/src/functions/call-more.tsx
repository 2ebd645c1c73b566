// What most calls do without: where the result is sent on to, keys, and not to wait.
import { makeBinForTrying } from '../bins/api.ts'
import { complaintOfKey, complaintOfUsageKey } from './call.ts'
import { complaintOfTarget } from './callback.ts'
import type { More } from './call.ts'
import { linkTo } from '../route.ts'
import { Action } from '../parts/action.tsx'
import { Check, TextField } from '../parts/fields.tsx'

interface Props {
  more: More
  /** The address of the stored callback, as far as it is known. */
  stored: string | undefined
  complained: boolean
  onChange: (changed: Partial<More>) => void
}

export function CallMore({ more, stored, complained, onChange }: Props) {
  const { target, bin, idempotencyKey, usageKey, background } = more
  const wrongTarget = complained ? complaintOfTarget(target) : undefined
  const wrongKey = complained ? complaintOfKey(idempotencyKey) : undefined
  const wrongUsageKey = complained ? complaintOfUsageKey(usageKey) : undefined
  const otherwise =
    stored === undefined
      ? 'the result comes back here.'
      : `it goes to ${stored}, as the settings say.`

  async function toNewBin(): Promise<void> {
    const made = await makeBinForTrying()
    onChange({ bin: made, target: made.url })
  }

  return (
    <details class="more">
      <summary>Send the result on, and more</summary>
      <div class="more-inside">
        <TextField
          label="Send the result to"
          inputMode="url"
          placeholder="https://…"
          help={`A URL, or HTTP options as JSON. What it answers is what you get. Left empty, ${otherwise}`}
          wrong={wrongTarget}
          value={target}
          onChange={(text) => onChange({ target: text })}
        />
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
        <TextField
          label="Idempotency key"
          placeholder="order-4711"
          help="The same call with the same key gets the first answer again, and runs nothing."
          wrong={wrongKey}
          value={idempotencyKey}
          onChange={(text) => onChange({ idempotencyKey: text })}
        />
        <TextField
          label="Usage key"
          type="password"
          help="Where the function has one. With it the call is made as its callers make it, without the keys of this tab."
          wrong={wrongUsageKey}
          value={usageKey}
          onChange={(text) => onChange({ usageKey: text })}
        />
        <Check checked={background} onChange={(chosen) => onChange({ background: chosen })}>
          Run it in the background
        </Check>
      </div>
    </details>
  )
}
