// Asks again every few seconds while a page is open, seen, and not left open for ever.
import { useEffect, useRef, useState } from 'preact/hooks'

const EVERY_MS = 3_000
/** Then somebody has gone for lunch: a quarter of an hour. */
const TIMES_MAX = 300

/** `ask` is not called while the window is hidden, nor before its last promise has ended; a failure ends it. */
export function useWatch(ask: () => Promise<void>): { watching: boolean; watch: () => void } {
  const [watching, setWatching] = useState(true)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    if (!watching) return
    let times = 0
    let asking = false
    const timer = setInterval(() => {
      if (document.hidden || asking) return
      asking = true
      times += 1
      latest.current().then(
        () => {
          asking = false
          if (times >= TIMES_MAX) setWatching(false)
        },
        () => setWatching(false),
      )
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [watching])
  return { watching, watch: () => setWatching(true) }
}
