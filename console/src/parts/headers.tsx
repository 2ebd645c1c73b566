// Headers as they were sent, in their order.

interface Props {
  all: readonly { name: string; value: string }[]
}

export function Headers({ all }: Props) {
  if (all.length === 0) return <p class="muted">It has no headers.</p>
  return (
    <details class="headers" open>
      <summary>
        Headers <span class="muted">({all.length})</span>
      </summary>
      <dl>
        {all.map(({ name, value }, at) => (
          <div key={at}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
