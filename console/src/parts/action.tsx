// A button that has the server do something: it says when that is done, and what is wrong where it is not.
import { useState } from 'preact/hooks'
import { ErrorNote } from './error-note.tsx'

interface Props {
  verb: string
  act: () => Promise<unknown>
  /** Asked before; its button then says this. */
  sure?: string
  /** What is said once it is done. */
  done: string
  onDone?: () => void
  primary?: boolean
}

type Stage = 'asking' | 'acting' | 'done' | { error: unknown } | undefined

export function Action({ verb, act, sure, done, onDone, primary = false }: Props) {
  const [stage, setStage] = useState<Stage>(undefined)

  async function press(): Promise<void> {
    if (stage === 'acting') return
    if (sure !== undefined && stage !== 'asking') {
      setStage('asking')
      return
    }
    setStage('acting')
    try {
      await act()
      setStage('done')
      onDone?.()
    } catch (error) {
      setStage({ error })
    }
  }

  const asking = stage === 'asking'
  return (
    <div class="action">
      <div class="row">
        <button
          type="button"
          class={primary ? 'primary' : undefined}
          disabled={stage === 'acting'}
          onClick={() => void press()}
        >
          {sure === undefined ? verb : asking ? sure : `${verb} …`}
        </button>
        {asking && (
          <button type="button" onClick={() => setStage(undefined)}>
            Leave it
          </button>
        )}
        <span class="muted" role="status">
          {stage === 'done' ? done : ''}
        </span>
      </div>
      <div aria-live="polite">{typeof stage === 'object' && <ErrorNote error={stage.error} />}</div>
    </div>
  )
}
