// What a form changes of something stored: what stood there as it was shown, and what stands in the form.
import { useState } from 'preact/hooks'

export interface Draft<T> {
  /** What is stored, as far as this form knows: what others change meanwhile is left alone. */
  before: T
  draft: T
  setDraft: (changed: T | ((typed: T) => T)) => void
  /** Once it is saved; what was typed meanwhile stays. */
  stored: (now: T) => void
}

export function useDraft<T extends object>(shown: () => T): Draft<T> {
  const [before, setBefore] = useState(shown)
  const [draft, setDraft] = useState(before)

  function stored(now: T): void {
    setBefore(now)
    setDraft((typed) => (typed === draft ? now : typed))
  }

  return { before, draft, setDraft, stored }
}
