// What of a list is shown. It stands in the page's address, so that a link leads to the same and "back" undoes it.
import { useEffect, useId, useState } from 'preact/hooks'
import * as format from '../format.ts'
import { go } from '../route.ts'

export interface Filter {
  name: string
  label: string
  /** A choice of these, or of anything where there are none. */
  options?: readonly string[]
  placeholder?: string
  /** A moment: chosen by the reader's clock, in the address as RFC 3339. */
  moment?: boolean
  /** Stands behind `More filters`. */
  rare?: boolean
}

interface Props {
  filters: readonly Filter[]
  query: Readonly<Record<string, string>>
  /** The address of this page with another query. */
  link: (query: Readonly<Record<string, string>>) => string
}

export function Filters({ filters, query, link }: Props) {
  const set = (name: string, value: string) => go(link({ ...query, [name]: value.trim() }))
  const chosen = filters.some(({ name }) => query[name] !== undefined)
  const rare = filters.filter((filter) => filter.rare)
  const fields = (some: readonly Filter[]) =>
    some.map((filter) => (
      <Field
        key={filter.name}
        filter={filter}
        value={query[filter.name] ?? ''}
        onChange={(value) => set(filter.name, value)}
      />
    ))
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {fields(filters.filter((filter) => !filter.rare))}
      {rare.length > 0 && (
        <details open={rare.some(({ name }) => query[name] !== undefined)}>
          <summary>More filters</summary>
          <div class="filters">{fields(rare)}</div>
        </details>
      )}
      {chosen && (
        <button type="button" class="quiet" onClick={() => go(link({}))}>
          Show all
        </button>
      )}
    </form>
  )
}

interface FieldProps {
  filter: Filter
  value: string
  onChange: (value: string) => void
}

function Field({ filter: { label, options, placeholder, moment }, value, onChange }: FieldProps) {
  const id = useId()
  const changed = (event: { currentTarget: { value: string } }) =>
    onChange(event.currentTarget.value)
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {moment ? (
        <Moment id={id} value={value} onChange={onChange} />
      ) : options === undefined ? (
        <Text id={id} value={value} placeholder={placeholder} onChange={onChange} />
      ) : (
        <select id={id} value={value} onChange={changed}>
          <option value="">any</option>
          {(value === '' || options.includes(value) ? options : [...options, value]).map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      )}
    </div>
  )
}

interface TextProps {
  id: string
  value: string
  placeholder: string | undefined
  onChange: (value: string) => void
}

function Text({ id, value, placeholder, onChange }: TextProps) {
  const [typed, setTyped] = useTyped(value)
  // `change` comes with Enter, or when the field is left: not with each letter.
  return (
    <input
      id={id}
      type="text"
      autoComplete="off"
      spellcheck={false}
      placeholder={placeholder}
      value={typed}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

/** What is typed stays while the page around it changes, until the address says something else. */
function useTyped(value: string) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  return [typed, setTyped] as const
}

interface MomentProps {
  id: string
  /** RFC 3339 */
  value: string
  onChange: (value: string) => void
}

function Moment({ id, value, onChange }: MomentProps) {
  const shown = format.localMinute(new Date(value))
  const [typed, setTyped] = useTyped(shown)
  // `change` comes with each digit of the year. As with texts, what counts is there with Enter, or when the field is left.
  const take = ({ currentTarget: { value: chosen } }: { currentTarget: HTMLInputElement }) => {
    if (chosen !== shown) onChange(chosen === '' ? '' : new Date(chosen).toISOString())
  }
  return (
    <input
      id={id}
      type="datetime-local"
      value={typed}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') take(event)
      }}
    />
  )
}
