// A button that has the server do something: it says when that is done, and what is wrong where it is not.
import { useEffect, useRef, useState } from 'preact/hooks'
import { ErrorNote } from './error-note.tsx'
import { ONE_CLICK, ONE_ENTER } from './press.ts'

interface Props<T> {
  verb: string
  act: () => Promise<T>
  /** Asked before; its button then says this. */
  sure?: string
  /** What is said once it is done. */
  done: string
  /** Gets what `act` answered; not called where one has left the page meanwhile. */
  onDone?: (answer: T) => void
  primary?: boolean
}

type Stage = 'asking' | 'acting' | 'done' | { error: unknown } | undefined

export function Action<T>({ verb, act, sure, done, onDone, primary = false }: Props<T>) {
  const [stage, setStage] = useState<Stage>(undefined)
  const here = useRef(true)
  useEffect(() => {
    here.current = true
    return () => {
      here.current = false
    }
  }, [])

  async function press(): Promise<void> {
    if (stage === 'acting') return
    if (sure !== undefined && stage !== 'asking') {
      setStage('asking')
      return
    }
    setStage('acting')
    try {
      const answer = await act()
      setStage('done')
      if (here.current) onDone?.(answer)
    } catch (error) {
      setStage({ error })
    }
  }

  const asking = stage === 'asking'
  return (
    <div class="action" {...ONE_ENTER}>
      <div class="row">
        <button
          type="button"
          class={primary ? 'primary' : undefined}
          disabled={stage === 'acting'}
          onClick={() => void press()}
          {...ONE_CLICK}
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
