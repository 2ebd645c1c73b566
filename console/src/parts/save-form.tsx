// A form that stores something: it says when it is stored, and what is wrong where it is not.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ErrorNote } from './error-note.tsx'
import { ONE_CLICK, ONE_ENTER } from './press.ts'

interface Props {
  /** Of the button, as `Save the state`. */
  verb: string
  save: () => unknown
  /** A sentence where what is there cannot be sent. */
  complain?: () => string | undefined
  /** What is said once it is done. */
  done?: string
  onSaved?: () => void
  children: ComponentChildren
  /** Beside the button. */
  more?: ComponentChildren
}

type Outcome = 'saving' | 'saved' | { wrong: string } | { error: unknown }

export function SaveForm({ verb, save, complain, done = 'Saved', onSaved, children, more }: Props) {
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    if (outcome === 'saving') return
    const wrong = complain?.()
    if (wrong !== undefined) {
      setOutcome({ wrong })
      return
    }
    setOutcome('saving')
    try {
      await save()
      setOutcome('saved')
      onSaved?.()
    } catch (error) {
      setOutcome({ error })
    }
  }

  return (
    <form class="call" noValidate onSubmit={(event) => void submit(event)} {...ONE_ENTER}>
      {children}
      <div class="row">
        <button type="submit" disabled={outcome === 'saving'} {...ONE_CLICK}>
          {verb}
        </button>
        {more}
        <span class="muted" role="status">
          {outcome === 'saved' ? done : ''}
        </span>
      </div>
      <div aria-live="polite">
        {typeof outcome === 'object' && 'wrong' in outcome && <p class="wrong">{outcome.wrong}</p>}
        {typeof outcome === 'object' && 'error' in outcome && <ErrorNote error={outcome.error} />}
      </div>
    </form>
  )
}
