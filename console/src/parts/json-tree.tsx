// JSON to look into: objects and lists open and close, and long ones show their beginning. What is closed is not drawn.
import type { ComponentChild } from 'preact'
import { useState } from 'preact/hooks'
import { digitsOf } from '../json-text.ts'

/** Shown at first, and with each press of the button below them. */
const ENTRIES_SHOWN = 200
/** What is within the outermost is open too, unless there is much in it. */
const OPEN_DEPTH = 2
const OPEN_ENTRIES_MAX = 20

export function JsonTree({ value }: { value: unknown }) {
  return (
    <div class="tree">
      <Node value={value} depth={0} />
    </div>
  )
}

interface Props {
  name?: string
  value: unknown
  depth: number
}

function Node({ name, value, depth }: Props) {
  const label = name === undefined ? null : <span class="tree-name">{name}: </span>
  const digits = digitsOf(value)
  if (typeof value !== 'object' || value === null || digits !== undefined) {
    const kind = digits !== undefined ? 'number' : value === null ? 'null' : typeof value
    return (
      <div class="tree-leaf">
        {label}
        <span class={`tree-${kind}`}>{digits ?? JSON.stringify(value)}</span>
      </div>
    )
  }
  if (Object.keys(value).length === 0) {
    return (
      <div class="tree-leaf">
        {label}
        {Array.isArray(value) ? '[ ]' : '{ }'}
      </div>
    )
  }
  return <Branch label={label} value={value} depth={depth} />
}

interface BranchProps {
  label: ComponentChild
  value: object
  depth: number
}

function Branch({ label, value, depth }: BranchProps) {
  const entries = Object.entries<unknown>({ ...value })
  const few = entries.length <= OPEN_ENTRIES_MAX
  const [open, setOpen] = useState(depth === 0 || (depth < OPEN_DEPTH && few))
  const [count, setCount] = useState(ENTRIES_SHOWN)
  const left = entries.length - count
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {label}
        <span class="muted">
          {Array.isArray(value)
            ? `list of ${entries.length}`
            : `${entries.length} ${entries.length === 1 ? 'member' : 'members'}`}
        </span>
      </summary>
      {open &&
        entries
          .slice(0, count)
          .map(([key, one]) => <Node key={key} name={key} value={one} depth={depth + 1} />)}
      {open && left > 0 && (
        <div class="tree-leaf">
          <button type="button" class="quiet" onClick={() => setCount(count + ENTRIES_SHOWN)}>
            Show more of it ({left} left)
          </button>
        </div>
      )}
    </details>
  )
}
