// Sends again whatever the list's filter finds: says what that is, asks once more, and shows how it goes.
import { useEffect, useRef, useState } from 'preact/hooks'
import { resendAll, resendBody } from './api.ts'
import { curl, jsonWords, ownerCurl } from '../curl.ts'
import { inWords, ownerOf } from './delivery-filter.ts'
import type { Filter } from './delivery-filter.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { TextField } from '../parts/fields.tsx'
import { JobBegun } from './job-progress.tsx'

interface Props {
  filter: Filter
  onClose: () => void
}

export function ResendAll({ filter, onClose }: Props) {
  const [job, setJob] = useState<string | undefined>(undefined)
  const heading = useRef<HTMLHeadingElement>(null)
  // The button that opened it is gone.
  useEffect(() => heading.current?.focus(), [job])
  return (
    <section class="card" aria-labelledby="resend-all">
      <div class="result-head">
        <h2 id="resend-all" ref={heading} tabIndex={-1}>
          {job === undefined ? 'Resend all matching' : 'Being sent again'}
        </h2>
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </div>
      {job === undefined ? <Ask filter={filter} onBegun={setJob} /> : <JobBegun id={job} />}
    </section>
  )
}

function Ask({ filter, onBegun }: { filter: Filter; onBegun: (id: string) => void }) {
  const [text, setText] = useState('')
  const rate = /^[1-9]\d*$/.test(text.trim()) ? Number(text) : undefined
  const odd = rate === undefined && text.trim() !== ''
  const meant = { ...filter, state: filter.state ?? 'failed' }
  return (
    <>
      <p>
        This sends again <strong>{inWords(meant)}</strong>, the oldest first, each once. What is
        under way just then, or is no longer kept, is left out.
      </p>
      <div class="fields">
        <TextField
          label="At most in a second"
          inputMode="numeric"
          help="Left empty, as fast as targets may be asked."
          wrong={odd ? 'Use a whole number above 0, or leave it empty.' : undefined}
          value={text}
          onChange={setText}
        />
      </div>
      {!odd && (
        <Action
          verb="Send them again"
          sure="Yes, send all of them again"
          done=""
          primary
          act={async () => onBegun((await resendAll(meant, rate)).job_id)}
        />
      )}
      <details>
        <summary>From a terminal</summary>
        <CommandLine text={resendLine(meant, rate)} label="curl line that resends" />
      </details>
    </>
  )
}

/** For a terminal. */
export function resendLine(filter: Filter, rate: number | undefined): string {
  const resending = ownerOf(filter) === undefined ? curl : ownerCurl
  return resending('POST', '/api/deliveries/resend', ...jsonWords(resendBody(filter, rate)))
}
