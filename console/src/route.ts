// Pages by the address's fragment: it never reaches the server, so no page can be taken for a route of the API.
import { useEffect, useState } from 'preact/hooks'

export type Route =
  { page: 'functions' } | { page: 'function' | 'settings'; id: number } | { page: 'unknown' }

export function readRoute(hash: string): Route {
  const path = hash.replace(/^#\/?/, '')
  if (path === '') return { page: 'functions' }
  const [, id, rest] = /^functions\/([1-9]\d{0,15})(\/settings)?$/.exec(path) ?? []
  if (id === undefined) return { page: 'unknown' }
  return { page: rest === undefined ? 'function' : 'settings', id: Number(id) }
}

export const HOME = '#/'

export function functionPath(id: number): string {
  return `#/functions/${id}`
}

export function settingsPath(id: number): string {
  return `#/functions/${id}/settings`
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = () => setHash(location.hash)
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return readRoute(hash)
}
