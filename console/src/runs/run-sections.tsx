// Parts of a run's page: where it came from, its tries, what went on from it, and the result where it is kept.
import { useState } from 'preact/hooks'
import { runResult } from './api.ts'
import type { RunDetail } from './api.ts'
import { curl } from '../curl.ts'
import * as format from '../format.ts'
import { linkTo } from '../route.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { Status, Time } from '../parts/facts.tsx'
import { Payload } from '../parts/payload.tsx'
import { RESULT_WORDS } from '../functions/result.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { Section } from '../parts/section.tsx'

interface Props {
  run: RunDetail
}

type Input = NonNullable<RunDetail['inputs']>[number] & { number: number }

const INPUT_COLUMNS: readonly Column<Input>[] = [
  { head: 'Input', cell: ({ number }) => number },
  {
    head: 'From',
    cell: ({ origin }) => (origin === null ? 'the call' : <code>{origin}</code>),
  },
  {
    head: 'Size',
    number: true,
    cell: ({ bytes }) => (bytes === null ? 'did not come' : format.bytes(bytes)),
  },
]

export function CameFrom({ run }: Props) {
  const { came_from: cause, inputs } = run
  return (
    <Section title="Where it came from">
      <p>
        {cause === null ? (
          'Somebody called it.'
        ) : cause.delivery_id !== null ? (
          <>
            <a href={linkTo('delivery', { id: cause.delivery_id })}>A delivery</a> goes to this
            function, or asked it.
          </>
        ) : (
          <>
            <a href={linkTo('source', { tenant: cause.tenant ?? '', id: cause.source_id ?? '' })}>
              A source
            </a>{' '}
            of {cause.tenant} got event <code>{cause.event_id}</code>.
          </>
        )}
      </p>
      {inputs !== null ? (
        <Table
          things="inputs"
          columns={INPUT_COLUMNS}
          items={inputs.map((input, at) => ({ ...input, number: at + 1 }))}
          keyOf={({ number }) => number}
        />
      ) : (
        <p class="muted">
          {run.timings_us.fetch === null
            ? `Its input came with it: ${format.bytes(run.input_bytes ?? 0)}.`
            : 'Its input was fetched; from where was not recorded then.'}
        </p>
      )}
    </Section>
  )
}

const TRY_COLUMNS: readonly Column<RunDetail['failed_tries'][number]>[] = [
  { head: 'Try', cell: ({ number }) => number },
  { head: 'Ended', cell: ({ ended_at: at }) => <Time at={at} /> },
  { head: 'Outcome', cell: ({ code }) => <Status word="failed" code={code} /> },
  { head: 'Error', cell: ({ error }) => error, wide: true },
]

export function Tries({ run }: Props) {
  if (run.failed_tries.length === 0) return null
  return (
    <Section title="Tries before">
      <Table
        things="tries"
        columns={TRY_COLUMNS}
        items={run.failed_tries}
        keyOf={({ number }) => number}
      />
    </Section>
  )
}

/** Where its result went. */
export function Onward({ run }: Props) {
  const { delivery_ids: deliveries, forwarded_to: to } = run
  if (to === null && deliveries.length === 0) return null
  return (
    <Section title="Sent on">
      {to !== null && (
        <p>
          Its result goes to <code>{to}</code>.
        </p>
      )}
      {deliveries.length > 0 && (
        <ul class="plain">
          {deliveries.map((id) => (
            <li key={id}>
              <a href={linkTo('delivery', { id })}>
                Delivery <code>{id}</code>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Section>
  )
}

export function KeptResult({ run }: Props) {
  const { run_id: id, wasm_id: wasmId } = run
  const [body, setBody] = useState<Blob | undefined>(undefined)
  if (!run.result_kept && run.status !== 'succeeded') return null
  return (
    <Section title="Kept result">
      {!run.result_kept ? (
        <>
          <p class="muted">
            None is kept. A result is kept when nobody waited for it, or when it could not be sent
            on:
          </p>
          <CommandLine text={backgroundCurl(run)} label="curl line whose result is kept" />
        </>
      ) : body === undefined ? (
        <Action
          verb="Show the result"
          act={async () => setBody(await runResult(id, wasmId))}
          done=""
        />
      ) : (
        <Payload title="Result" name="result" body={body} words={RESULT_WORDS} />
      )}
    </Section>
  )
}

function backgroundCurl({ wasm_id: id, function: name }: RunDetail): string {
  const path = `/api/run/${id}/${encodeURIComponent(name)}`
  return curl('POST', path, '-H', 'Prefer: respond-async', '--data-raw', 'hello')
}
