// A list that the server gives page by page: the first when the list comes, the next where somebody asks.
import { useState } from 'preact/hooks'
import { useLoad } from './use-load.ts'

interface Page<T> {
  items: readonly T[]
  next: string | null
}

export interface Pages<T> {
  /** Of all pages that are there; undefined until the first is. */
  items: readonly T[] | undefined
  error: unknown
  /** Begins anew with the first page; the old ones stay until it is there. */
  reload: () => void
  /** Asks for the next page; undefined where there is none. */
  more: (() => Promise<void>) | undefined
  /** Why the next page did not come. */
  refused: unknown
}

/** `load` is called again when `key` changes and on `reload`. */
export function usePages<T>(
  key: string,
  load: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<T>>,
): Pages<T> {
  const { value, error, reload } = useLoad(key, (signal) => load(undefined, signal))
  const [seen, setSeen] = useState<{ key: string; first: Page<T>; later: Page<T>[] } | undefined>()
  const [refused, setRefused] = useState<{ of: typeof seen; problem: unknown } | undefined>()
  if (value !== undefined && value !== seen?.first) {
    // A new first page no longer meets those after the old one.
    setSeen({ key, first: value, later: [] })
  }
  const shown = seen?.key === key ? seen : undefined
  const pages = shown === undefined ? [] : [shown.first, ...shown.later]
  const next = pages.at(-1)?.next ?? null

  async function more(cursor: string): Promise<void> {
    setRefused(undefined)
    try {
      const page = await load(cursor)
      setSeen((now) => (now === shown && now ? { ...now, later: [...now.later, page] } : now))
    } catch (problem) {
      setRefused({ of: shown, problem })
    }
  }

  return {
    items: shown === undefined ? undefined : pages.flatMap((page) => page.items),
    error,
    reload,
    more: next === null ? undefined : () => more(next),
    // Of these pages, not of those before.
    refused: refused !== undefined && refused.of === shown ? refused.problem : undefined,
  }
}
