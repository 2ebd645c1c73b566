// A module as a file: the button that chooses one, and how far the server has it.
import { useRef } from 'preact/hooks'

interface Props {
  verb: string
  onFiles: (files: FileList) => void
  primary?: boolean
  /** Several may be chosen at once. */
  multiple?: boolean
}

export function ModuleButton({ verb, onFiles, primary = false, multiple = false }: Props) {
  const picker = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        class={primary ? 'primary' : undefined}
        onClick={() => picker.current?.click()}
      >
        {verb}
      </button>
      <input
        ref={picker}
        type="file"
        accept=".wasm,application/wasm"
        multiple={multiple}
        hidden
        onChange={(event) => {
          if (event.currentTarget.files !== null) onFiles(event.currentTarget.files)
          // So that the same file can be chosen again.
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}

/** `sent` is the share that has left; the server compiles what it has. */
export function sendingWords(sent: number): string {
  return sent < 1 ? 'is being sent …' : 'is being compiled …'
}

export function SendingBar({ of, sent }: { of: string; sent: number }) {
  return <progress aria-label={`Upload of ${of}`} max={1} {...(sent < 1 ? { value: sent } : {})} />
}
