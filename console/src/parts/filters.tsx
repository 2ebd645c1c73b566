// What of a list is shown. It stands in the page's address, so that a link leads to the same and "back" undoes it.
import { useId } from 'preact/hooks'
import { go } from '../route.ts'

export interface Filter {
  name: string
  label: string
  /** A choice of these, or of anything where there are none. */
  options?: readonly string[]
  placeholder?: string
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
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {filters.map((filter) => (
        <Field
          key={filter.name}
          filter={filter}
          value={query[filter.name] ?? ''}
          onChange={(value) => set(filter.name, value)}
        />
      ))}
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

function Field({ filter: { label, options, placeholder }, value, onChange }: FieldProps) {
  const id = useId()
  const changed = (event: { currentTarget: { value: string } }) =>
    onChange(event.currentTarget.value)
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {options === undefined ? (
        // `change` comes with Enter, or when the field is left: not with each letter.
        <input
          id={id}
          type="text"
          autoComplete="off"
          spellcheck={false}
          placeholder={placeholder}
          value={value}
          onChange={changed}
        />
      ) : (
        <select id={id} value={value} onChange={changed}>
          <option value="">any</option>
          {options.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      )}
    </div>
  )
}
