// What changes by itself is asked for again while somebody looks.
import { useEffect } from 'preact/hooks'

/** Calls `act` each time `everyMs` is over, as long as `on` holds and the page is in front. */
export function useAgain(act: () => void, everyMs: number, on = true): void {
  useEffect(() => {
    if (!on) return undefined
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') act()
    }, everyMs)
    return () => clearInterval(timer)
  }, [act, everyMs, on])
}
