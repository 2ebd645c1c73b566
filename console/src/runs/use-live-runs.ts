// The list of runs that fills by itself: pages as the server has them, and above them what has ended since.
import { useEffect, useState } from 'preact/hooks'
import { WasmhookError } from '../../../packages/client/src/error.ts'
import { listRuns, watchRuns } from './api.ts'
import type { LiveOpen, RunFilter, RunItem, RunWatcher, Sampled } from './api.ts'
import { usePages } from '../hooks/use-pages.ts'
import type { Pages } from '../hooks/use-pages.ts'

/** Of runs that came by themselves: the newest are kept. */
const LIVE_ROWS_MAX = 500
/** What came is drawn together: hundreds a second, one by one, would hold up the page. */
const DRAW_MS = 400
/** The pause before connecting anew; each next is twice as long. */
const RETRY_MS = 1_000
const RETRY_MS_MAX = 30_000

/** The list says why. */
const REFUSED = [400, 401, 403]

export type LiveState = 'connecting' | 'live' | 'paused' | 'lost' | 'refused'

interface Fresh {
  runs: readonly RunItem[]
  /** There were more: what follows them in the list of the server would leave a gap. */
  cut: boolean
}

const NONE: Fresh = { runs: [], cut: false }

export interface LiveRuns {
  pages: Pages<RunItem>
  state: LiveState
  /** Undefined until the server answered. */
  told: LiveOpen | undefined
  /** Of the newest second in which not all were told, and when that was. */
  sampled: (Sampled & { at: Date }) | undefined
  cut: boolean
  pause: (paused: boolean) => void
}

export function useLiveRuns(filter: RunFilter): LiveRuns {
  const key = `runs ${JSON.stringify(filter)}`
  const pages = usePages(key, (cursor, signal) => listRuns(filter, cursor, signal))
  const [paused, pause] = useState(false)
  const [state, setState] = useState<LiveState>('connecting')
  const [told, setTold] = useState<LiveOpen | undefined>(undefined)
  const [sampled, setSampled] = useState<LiveRuns['sampled']>(undefined)
  const [fresh, setFresh] = useState(NONE)
  const { reload } = pages

  useEffect(() => {
    if (paused) return
    let batch = NONE
    const draw = (): void => {
      const taken = batch
      batch = NONE
      if (taken.runs.length > 0) setFresh((before) => added(before, taken))
    }
    const forget = (): void => {
      batch = NONE
      setFresh(NONE)
      setSampled(undefined)
    }
    const watcher: RunWatcher = {
      open(told) {
        // What ended before is on the first page; what ended while nobody listened is there alone.
        forget()
        reload()
        setTold(told)
        setState('live')
      },
      run(run) {
        // It is bounded too: where nobody looks at the page, it is seldom drawn.
        batch = added(batch, { runs: [run], cut: false })
      },
      sampled: (counts) => setSampled({ ...counts, at: new Date() }),
    }
    const ended = new AbortController()
    const timer = setInterval(draw, DRAW_MS)
    setState('connecting')
    void keepWatching(filter, watcher, ended.signal, (lost) => {
      if (!ended.signal.aborted) setState(lost)
    })
    return () => {
      ended.abort()
      clearInterval(timer)
      draw()
    }
    // `key` says what the filter is, which is made anew with each rendering.
  }, [key, paused])

  // Those of another filter are not shown while the first page of this one comes.
  useEffect(() => () => setFresh(NONE), [key])

  return {
    pages: {
      ...pages,
      items: pages.items && merged(fresh, pages.items),
      more: fresh.cut ? undefined : pages.more,
      reload() {
        setFresh(NONE)
        setSampled(undefined)
        reload()
      },
    },
    state: paused ? 'paused' : state,
    told,
    sampled,
    cut: fresh.cut,
    pause,
  }
}

/** Until the signal ends it; connects anew after growing pauses, but for what would be refused again. */
async function keepWatching(
  filter: RunFilter,
  watcher: RunWatcher,
  signal: AbortSignal,
  onLost: (state: 'lost' | 'refused') => void,
): Promise<void> {
  let pauseMs = RETRY_MS
  const open = (told: LiveOpen): void => {
    pauseMs = RETRY_MS
    watcher.open(told)
  }
  while (!signal.aborted) {
    const refused = await watchRuns(filter, { ...watcher, open }, signal).then(
      () => false,
      (error: unknown) => error instanceof WasmhookError && REFUSED.includes(error.status),
    )
    onLost(refused ? 'refused' : 'lost')
    if (refused) return
    const ms = pauseMs
    pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX)
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}

function added(before: Fresh, newer: Fresh): Fresh {
  const runs = [...before.runs, ...newer.runs]
  const cut = before.cut || newer.cut || runs.length > LIVE_ROWS_MAX
  return { runs: runs.slice(-LIVE_ROWS_MAX), cut }
}

/** Newest first, as pages are: ids begin with the time. */
function merged({ runs, cut }: Fresh, listed: readonly RunItem[]): readonly RunItem[] {
  const seen = new Set(runs.map((run) => run.run_id))
  const older = cut ? [] : listed.filter((run) => !seen.has(run.run_id))
  return [...runs, ...older].sort((a, b) => (a.run_id < b.run_id ? 1 : -1))
}
