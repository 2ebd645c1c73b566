// Looks again at what is under way, in growing pauses and so many times; whoever waits longer presses a button.
import { useEffect, useRef } from 'preact/hooks'

const FIRST_PAUSE_MS = 300
const GROWTH = 1.3
const PAUSE_MS_MAX = 10_000
const LOOKS_MAX = 60

/** While `going`, each new `seen` has `again` called after a pause. It begins anew where it stops and goes on. */
export function useAgain(going: boolean, seen: unknown, again: () => void): void {
  const looks = useRef(0)
  useEffect(() => {
    if (!going) {
      looks.current = 0
      return
    }
    if (looks.current >= LOOKS_MAX) return
    const pauseMs = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * GROWTH ** looks.current)
    const timer = setTimeout(() => {
      looks.current++
      again()
    }, pauseMs)
    return () => clearTimeout(timer)
  }, [going, seen])
}
