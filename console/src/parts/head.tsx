// The head of a page: the way to it, its name, which is the window's too, and the pages beside it.
import { useEffect } from 'preact/hooks'

export interface Place {
  name: string
  href: string
}

interface Props {
  title: string
  /** From the outermost page inwards, without this one. */
  way?: readonly Place[]
  beside?: { label: string; places: readonly (Place & { here: boolean })[] }
}

export function Head({ title, way = [], beside }: Props) {
  useEffect(() => {
    document.title = `${title} – Wasmhook`
  }, [title])
  return (
    <>
      {way.length > 0 && (
        <nav class="crumb" aria-label="The way here">
          {way.map(({ name, href }) => (
            <a key={href} href={href}>
              {name}
            </a>
          ))}
        </nav>
      )}
      <h1 tabIndex={-1}>{title}</h1>
      {beside !== undefined && (
        <nav class="tabs" aria-label={beside.label}>
          {beside.places.map(({ name, href, here }) => (
            <a key={href} href={href} aria-current={here ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
      )}
    </>
  )
}
