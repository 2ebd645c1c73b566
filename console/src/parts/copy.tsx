// Text to take along: a button that copies it and says so, and lines for a terminal.
import { useState } from 'preact/hooks'

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState('')
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      // Without TLS, on an address that is not this machine's, browsers give pages no clipboard.
      () => setSaid('Select it and copy by hand'),
    )
  }
  return (
    <span class="copy">
      <button type="button" onClick={copy} aria-label={`Copy ${what}`}>
        Copy
      </button>
      <span class="muted small" role="status">
        {said}
      </span>
    </span>
  )
}

/** A word or an address that is to be put elsewhere. */
export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <div class="secret">
      <code>{text}</code>
      <CopyButton text={text} what={what} />
    </div>
  )
}

export function CommandLine({ text, label }: { text: string; label: string }) {
  return (
    <div class="command">
      <pre class="block" tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} what={label} />
    </div>
  )
}
