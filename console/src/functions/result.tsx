// What a call answered, and where that came from: the function, the target that its result was sent on to, or a promise.
import { linkTo } from '../route.ts'
import type { Answer } from './call.ts'
import * as format from '../format.ts'
import { Payload } from '../parts/payload.tsx'

export function Result({ answer }: { answer: Answer }) {
  return (
    <div class="result">
      <Whence answer={answer} />
      <Payload
        title={answer.sentTo === undefined ? 'Result' : 'Its answer'}
        name="result"
        body={answer.body}
        took={format.duration(answer.ms)}
        words={RESULT_WORDS}
      />
    </div>
  )
}

export const RESULT_WORDS = {
  empty: 'The function returned nothing.',
  text: 'Result text',
  image: 'The image that the function returned',
}

function Whence({ answer }: { answer: Answer }) {
  const { status, sentTo, runId, handedOver, replayed } = answer
  if (handedOver && runId !== undefined) {
    return (
      <p class="note">
        <span>
          The server has taken the call over and answered 202: it is{' '}
          <a href={linkTo('run', { id: runId })}>run {runId}</a>.
          {sentTo !== undefined && ` Its result goes to ${sentTo.address}.`}
        </span>
        {sentTo?.bin !== undefined && <BinLink href={sentTo.bin} />}
      </p>
    )
  }
  return (
    <>
      {replayed && (
        <p class="note">This is the answer of the first call with that key; nothing ran again.</p>
      )}
      {sentTo !== undefined && (
        <p class="note">
          <span>
            The result went to <code>{sentTo.address}</code>, which answered {status}.
          </span>
          {sentTo.bin !== undefined && <BinLink href={sentTo.bin} />}
        </p>
      )}
    </>
  )
}

function BinLink({ href }: { href: string }) {
  return <a href={href}>See it in the request bin</a>
}
