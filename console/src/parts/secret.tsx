// A secret that the server shows this once.
import type { ComponentChildren } from 'preact'
import { Copyable } from './copy.tsx'

interface Props {
  text: string
  /** What it is, as the button that copies it says. */
  what: string
  /** What it is for. */
  children: ComponentChildren
}

export function Secret({ text, what, children }: Props) {
  return (
    <div class="card" role="status">
      <p>{children}</p>
      <Copyable text={text} what={what} />
    </div>
  )
}
