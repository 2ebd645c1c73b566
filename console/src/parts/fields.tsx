// Fields of a form: each has its label, what it is for, and what is wrong with what stands in it.
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { exactComplaint, jsonComplaint } from '../json-text.ts'

interface Common {
  label: ComponentChildren
  value: string
  onChange: (value: string) => void
  help?: string
}

interface TextProps extends Common {
  placeholder?: string
  /** Rows; a single line where it is absent. */
  rows?: number
  mono?: boolean
  type?: 'text' | 'password' | 'datetime-local'
  inputMode?: 'numeric' | 'url'
  /** What may be chosen in place of typing. */
  suggestions?: readonly string[]
  wrong?: string | undefined
}

export function TextField(props: TextProps) {
  const { label, value, onChange, help, placeholder, rows, mono = false, type = 'text' } = props
  const { inputMode, suggestions, wrong } = props
  const id = useId()
  const told = [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(' ')
  const list = suggestions && `${id}-list`
  const common = {
    ...{ id, placeholder, value, class: mono ? 'mono' : undefined },
    ...{ autoComplete: 'off', spellcheck: false },
    'aria-describedby': told === '' ? undefined : told,
    'aria-invalid': wrong === undefined ? undefined : true,
    onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <input
          {...common}
          inputMode={inputMode}
          {...(type === 'password' ? { type } : { type, list })}
        />
      ) : (
        <textarea {...common} rows={rows} />
      )}
      {suggestions !== undefined && (
        <datalist id={list}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      <Help id={id} text={help} />
      {wrong !== undefined && (
        <p class="wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  )
}

interface JsonProps extends Omit<TextProps, 'wrong' | 'mono' | 'type'> {
  /** The server keeps it byte for byte. */
  exact?: boolean
}

/** JSON, looked at as it is typed. */
export function JsonField({ rows = 5, exact = false, ...props }: JsonProps) {
  const wrong = exact ? exactComplaint(props.value) : jsonComplaint(props.value)
  return <TextField {...props} rows={rows} mono wrong={wrong} />
}

interface ChoiceProps<T extends string> extends Pick<Common, 'label' | 'help'> {
  value: T
  options: Readonly<Record<T, string>>
  onChange: (value: T) => void
}

/** One of a few, each with the words that say what it means. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  help,
}: ChoiceProps<T>) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {Object.entries<string>(options).map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
      <Help id={id} text={help} />
    </div>
  )
}

function Help({ id, text }: { id: string; text: string | undefined }) {
  if (text === undefined) return null
  return (
    <p class="muted small" id={`${id}-help`}>
      {text}
    </p>
  )
}

export function Check(props: {
  checked: boolean
  onChange: (checked: boolean) => void
  children: ComponentChildren
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      {props.children}
    </label>
  )
}
