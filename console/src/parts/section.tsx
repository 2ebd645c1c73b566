// A part of a page: a region that is called as its heading is.
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Props {
  title: string
  class?: string
  children: ComponentChildren
}

export function Section({ title, class: looks, children }: Props) {
  const id = useId()
  return (
    <section aria-labelledby={id} class={looks}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  )
}
