// Asks again every few seconds while a page is open and seen, but not for ever.
import { useEffect, useRef, useState } from 'preact/hooks'

const EVERY_MS = 3_000
/** A quarter of an hour that the page is seen for: then nobody is there. */
const TICKS_MAX = 300

/** `ask` is not called while the window is hidden, nor before its last promise has ended; a failure ends it. */
export function useWatch(ask: () => Promise<void>): { watching: boolean; watch: () => void } {
  const [watching, setWatching] = useState(true)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    if (!watching) return
    let ticks = 0
    let asking = false
    const timer = setInterval(() => {
      if (document.hidden) return
      ticks += 1
      if (ticks > TICKS_MAX) setWatching(false)
      if (ticks > TICKS_MAX || asking) return
      asking = true
      latest.current().then(
        () => (asking = false),
        () => setWatching(false),
      )
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [watching])
  return { watching, watch: () => setWatching(true) }
}
