// Pages by the address's fragment: it never reaches the server, so no page can be taken for a route of the API.
import { useEffect, useState } from 'preact/hooks'

/** What stands behind `#/`; `:name` is one segment of it. */
const PATHS = {
  functions: '',
  function: 'functions/:id',
  settings: 'functions/:id/settings',
  runs: 'runs',
  run: 'runs/:id',
  deliveries: 'deliveries',
  delivery: 'deliveries/:id',
  resends: 'resends',
  resend: 'resends/:id',
  webhooks: 'webhooks',
  endpoints: 'webhooks/:tenant/endpoints',
  endpoint: 'webhooks/:tenant/endpoints/:id',
  eventTypes: 'webhooks/:tenant/event-types',
  eventType: 'webhooks/:tenant/event-types/:id',
  messages: 'webhooks/:tenant/messages',
  message: 'webhooks/:tenant/messages/:id',
  sources: 'webhooks/:tenant/sources',
  source: 'webhooks/:tenant/sources/:id',
  bins: 'webhooks/:tenant/bins',
  bin: 'webhooks/:tenant/bins/:id',
  tokens: 'webhooks/:tenant/tokens',
  system: 'system',
} as const

export type PageName = keyof typeof PATHS

export interface Route {
  page: PageName | undefined
  params: Readonly<Record<string, string>>
  /** What of the page is asked for: filters, which a link can hold. */
  query: Readonly<Record<string, string>>
}

function readRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const query = Object.fromEntries(new URLSearchParams(search))
  for (const [page, pattern] of Object.entries(PATHS)) {
    const params = match(pattern, path)
    if (params !== undefined) return { page: page as PageName, params, query }
  }
  return { page: undefined, params: {}, query }
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const names = pattern.split('/')
  const segments = path.split('/')
  if (names.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [at, name] of names.entries()) {
    const segment = segments[at] ?? ''
    if (!name.startsWith(':')) {
      if (name !== segment) return undefined
      continue
    }
    const value = decoded(segment)
    // Nothing has such a name: no address of the API could hold it.
    if (value === undefined || /^\.{0,2}$/.test(value)) return undefined
    params[name.slice(1)] = value
  }
  return params
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** Parts of the query that are empty or undefined are left out. */
export function linkTo(
  page: PageName,
  params: Readonly<Record<string, string | number>> = {},
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const path = PATHS[page].replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  )
  const asked = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const search = new URLSearchParams(asked).toString()
  return `#/${path}${search === '' ? '' : `?${search}`}`
}

export function go(href: string): void {
  location.hash = href
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = () => setHash(location.hash)
    addEventListener('hashchange', changed)
    // It may have changed since this was first shown.
    changed()
    return () => removeEventListener('hashchange', changed)
  }, [])
  return readRoute(hash)
}
