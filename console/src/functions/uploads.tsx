// Modules dropped here or chosen, sent one after another; each shows how far it is, then its key.
import { useRef, useState } from 'preact/hooks'
import { upload } from './api.ts'
import type { Uploaded } from './api.ts'
import { ModuleButton, SendingBar, sendingWords } from './module-file.tsx'
import { linkTo } from '../route.ts'
import { ErrorNote } from '../parts/error-note.tsx'
import { Secret } from '../parts/secret.tsx'
import { Warnings } from '../parts/warnings.tsx'

interface Sending {
  number: number
  file: File
  sent: number
  answer?: Uploaded
  error?: unknown
}

export function Uploads({ onUploaded }: { onUploaded: () => void }) {
  const [all, setAll] = useState<Sending[]>([])
  const [over, setOver] = useState(false)
  const queue = useRef<Promise<void>>(Promise.resolve())
  const count = useRef(0)

  const change = (number: number, changed: Partial<Sending>) =>
    setAll((before) => before.map((one) => (one.number === number ? { ...one, ...changed } : one)))

  async function sendOne({ number, file }: Sending): Promise<void> {
    try {
      const answer = await upload(file, (sent) => change(number, { sent }))
      change(number, { answer })
      onUploaded()
    } catch (error) {
      change(number, { error })
    }
  }

  function take(files: FileList | null | undefined): void {
    for (const file of files ?? []) {
      const sending = { number: ++count.current, file, sent: 0 }
      setAll((before) => [sending, ...before])
      // The server compiles one at a time.
      queue.current = queue.current.then(() => sendOne(sending))
    }
  }

  return (
    <section aria-label="Upload">
      <div
        class={over ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          take(event.dataTransfer?.files)
        }}
      >
        <p>Drop .wasm files here</p>
        <ModuleButton verb="Choose files" primary multiple onFiles={take} />
      </div>
      <div aria-live="polite">
        {all.map((one) => (
          <Progress key={one.number} sending={one} />
        ))}
      </div>
    </section>
  )
}

function Progress({ sending: { file, sent, answer, error } }: { sending: Sending }) {
  if (error !== undefined) {
    return (
      <div class="card">
        <p class="strong">{file.name} was not taken</p>
        <ErrorNote error={error} />
      </div>
    )
  }
  if (answer !== undefined) return <Key file={file} answer={answer} />
  return (
    <div class="card">
      <p>
        <span class="strong">{file.name}</span> <span class="muted">{sendingWords(sent)}</span>
      </p>
      <SendingBar of={file.name} sent={sent} />
    </div>
  )
}

function Key({ file, answer }: { file: File; answer: Uploaded }) {
  const key = answer.SSVM_Admin_Key
  return (
    <div class="card">
      <p>
        <span class="strong">{file.name}</span> is function {answer.wasm_id}.{' '}
        <a href={linkTo('function', { id: answer.wasm_id })}>Open and call it</a>
      </p>
      <Secret text={key} what={`the admin key of function ${answer.wasm_id}`}>
        Its admin key is shown this once. Copy it now; this tab remembers it until it is closed.
      </Secret>
      <Warnings all={answer.warnings} />
    </div>
  )
}
