// A secret that the server made for a sender, and shows this once.
import { CopyButton } from './copy.tsx'

export function SourceSecret({ secret }: { secret: string }) {
  return (
    <>
      <p>Its secret is shown this once. Copy it now, and set it at the sender.</p>
      <div class="secret">
        <code>{secret}</code>
        <CopyButton text={secret} what="the secret" />
      </div>
    </>
  )
}
