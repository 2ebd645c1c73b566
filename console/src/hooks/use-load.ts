// What a page shows of the server: asked for when the page comes, given up when it goes.
import { useCallback, useEffect, useState } from 'preact/hooks'

export interface Loaded<T> {
  value: T | undefined
  error: unknown
  reload: () => void
}

/** `load` is called again when `key` changes and on `reload`. Meanwhile the old value stays, and beside an error too. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: unknown }>({ key })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const ended = new AbortController()
    load(ended.signal).then(
      (value) => {
        if (!ended.signal.aborted) setState({ key, value })
      },
      (error: unknown) => {
        if (ended.signal.aborted) return
        setState((before) => ({ ...(before.key === key ? before : {}), key, error }))
      },
    )
    return () => ended.abort()
    // `load` is made anew with each rendering; `key` says what it loads.
  }, [key, turn])
  const reload = useCallback(() => setTurn((one) => one + 1), [])
  const current = state.key === key ? state : undefined
  return { value: current?.value, error: current?.error, reload }
}
