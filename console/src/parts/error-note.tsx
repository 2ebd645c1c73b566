// An error as its code, what happened and what to do.
import { WasmhookError } from '../../../packages/client/src/error.ts'
import { UNREACHABLE, WHAT_TO_DO } from '../what-to-do.ts'

export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  return <Failure told={tell(error)} retry={retry} />
}

/** Of what failed earlier. */
export function KeptError({ code, message }: { code: string; message: string | null }) {
  return <Failure told={{ code, message: message ?? '', advice: WHAT_TO_DO[code] }} />
}

function Failure({ told, retry }: { told: Told; retry?: (() => void) | undefined }) {
  return (
    <div class="note bad">
      <p>
        <code class="code">{told.code}</code> {told.message}
      </p>
      {told.problems !== undefined && (
        <ul class="plain">
          {told.problems.map(({ path, message }) => (
            <li key={path + message}>
              <code>{path || '/'}</code> {message}
            </li>
          ))}
        </ul>
      )}
      {told.advice !== undefined && <p class="muted">{told.advice}</p>}
      {told.body !== undefined && <pre class="block">{told.body}</pre>}
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

interface Told {
  code: string
  message: string
  advice: string | undefined
  /** What else answered in place of the server: a proxy, or the target of a result. */
  body?: string
  /** What is wrong with a payload, and where; the message tells of the first. */
  problems?: readonly Problem[]
}

interface Problem {
  path: string
  message: string
}

function tell(error: unknown): Told {
  if (error instanceof WasmhookError) {
    const { code, message, detail } = error
    const { body } = { ...detail, ...(detail.target as object | undefined) } as { body?: unknown }
    const said = typeof body === 'string' && body !== '' ? { body } : {}
    const wrong =
      Array.isArray(detail.problems) && detail.problems.length > 1
        ? (detail.problems as Problem[])
        : undefined
    const problems = wrong === undefined ? {} : { problems: wrong }
    return { code, message, advice: WHAT_TO_DO[code], ...said, ...problems }
  }
  if (error instanceof TypeError) {
    return { code: 'UNREACHABLE', message: 'The server does not answer.', advice: UNREACHABLE }
  }
  return { code: 'CONSOLE', message: String(error), advice: 'Load the page again.' }
}
