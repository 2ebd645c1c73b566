// The button that asks the server anew.
import type { ComponentChildren } from 'preact'

interface Props {
  onPress: () => void
  /** Beside it. */
  children?: ComponentChildren
}

export function Refresh({ onPress, children }: Props) {
  return (
    <div class="row">
      <button type="button" onClick={onPress}>
        Refresh
      </button>
      {children}
    </div>
  )
}
