// A field of a form: its name, what stands in it, and what is wrong with that.
import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

interface Props {
  label: ComponentChildren
  /** Said below the field. */
  hint?: string | undefined
  wrong?: string | undefined
  /** The field itself, which gets these. */
  children: (given: Given) => JSX.Element
}

interface Given {
  id: string
  'aria-invalid'?: true
  'aria-describedby'?: string
}

export function Field({ label, hint, wrong, children }: Props) {
  const id = useId()
  const said = wrong ?? hint
  const given: Given = {
    id,
    ...(wrong === undefined ? {} : { 'aria-invalid': true }),
    ...(said === undefined ? {} : { 'aria-describedby': `${id}-said` }),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(given)}
      {said !== undefined && (
        <p class={wrong === undefined ? 'muted small' : 'wrong'} id={`${id}-said`}>
          {said}
        </p>
      )}
    </div>
  )
}
