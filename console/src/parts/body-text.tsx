// Text that came from elsewhere: a tree where it is JSON, and as it is where not.
import { readTree } from '../result-kind.ts'
import { JsonTree } from './json-tree.tsx'

export function BodyText({ text, label }: { text: string; label: string }) {
  const value = readTree(text)
  if (value !== undefined) return <JsonTree value={value} />
  return (
    <pre class="block" tabIndex={0} role="region" aria-label={label}>
      {text}
    </pre>
  )
}
