// JSON to look into: objects and lists open and close, and long ones show their beginning.

const ENTRIES_MAX = 200
const OPEN_DEPTH = 2

export function JsonTree({ value }: { value: unknown }) {
  return (
    <div class="tree">
      <Node value={value} depth={0} />
    </div>
  )
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const label = name === undefined ? null : <span class="tree-name">{name}: </span>
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="tree-leaf">
        {label}
        <span class={`tree-${value === null ? 'null' : typeof value}`}>
          {JSON.stringify(value)}
        </span>
      </div>
    )
  }
  const entries = Object.entries<unknown>({ ...value })
  const list = Array.isArray(value)
  if (entries.length === 0) {
    return (
      <div class="tree-leaf">
        {label}
        {list ? '[ ]' : '{ }'}
      </div>
    )
  }
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        {label}
        <span class="muted">
          {list ? `list of ${entries.length}` : `${entries.length} members`}
        </span>
      </summary>
      {entries.slice(0, ENTRIES_MAX).map(([key, one]) => (
        <Node key={key} name={key} value={one} depth={depth + 1} />
      ))}
      {entries.length > ENTRIES_MAX && (
        <div class="tree-leaf muted">and {entries.length - ENTRIES_MAX} more, in the text</div>
      )}
    </details>
  )
}
