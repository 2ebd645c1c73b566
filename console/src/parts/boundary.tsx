// Keeps what surrounds a page where drawing it fails: a fault of ours, or an answer that is of another version.
import { Component } from 'preact'
import type { ComponentChildren } from 'preact'
import { Head } from './head.tsx'

interface Props {
  /** Elsewhere, or with another filter, it is drawn anew. */
  address: string
  children: ComponentChildren
}

interface State {
  address?: string
  failure?: string | undefined
}

export class Boundary extends Component<Props, State> {
  static override getDerivedStateFromProps({ address }: Props, before: State): State | null {
    return before.address === address ? null : { address, failure: undefined }
  }

  static override getDerivedStateFromError(error: unknown): State {
    return { failure: error instanceof Error ? error.message : 'Something was thrown.' }
  }

  override componentDidCatch(error: unknown): void {
    // The browser's console tells where it was.
    reportError(error)
  }

  render({ children }: Props, { failure }: State) {
    if (failure === undefined) return children
    return (
      <>
        <Head title="This page could not be drawn" />
        <div class="note bad" role="alert">
          <p>{failure}</p>
          <p class="muted">
            The console and the server may be of different versions: load the page again. Where that
            does not help, it is a fault of the console.
          </p>
          <button type="button" onClick={() => location.reload()}>
            Load it again
          </button>
        </div>
      </>
    )
  }
}
