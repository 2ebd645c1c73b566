// One function: what it exports, a form to call each, and its recent runs; beside them its settings.
import { useState } from 'preact/hooks'
import { describe, mayAdminister } from './api.ts'
import type { Description, Export } from './api.ts'
import { NOTHING_MORE, addressOf, curlOf, firstInputs } from './call.ts'
import * as format from '../format.ts'
import { AdminKey } from '../parts/admin-key.tsx'
import { CallForm } from './call-form.tsx'
import { Fact, Facts, Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { Shown } from '../parts/shown.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { Runs } from '../runs/recent-runs.tsx'
import { linkTo } from '../route.ts'
import type { PageName } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Settings } from './settings.tsx'
import { useWho } from '../who.ts'

export function FunctionPage({ id, page }: { id: number; page: PageName | undefined }) {
  const { tenant, barredFrom } = useWho()
  const loaded = useLoad(`function ${id}`, (signal) => describe(id, signal))
  const { value: one, reload } = loaded
  const places = [
    place('function', 'Call and runs', linkTo('function', { id })),
    place('settings', 'Versions and settings', linkTo('settings', { id })),
    place('deliveries', 'Its deliveries', linkTo('deliveries', {}, { wasm_id: id })),
  ]

  function place(of: PageName, name: string, href: string) {
    return { page: of, name, href, here: page === of }
  }

  return (
    <>
      <Head
        title={one?.wasm_description || `Function ${id}`}
        way={barredFrom('functions') ? [] : [{ name: 'Functions', href: linkTo('functions') }]}
        beside={{
          label: 'Of this function',
          // A tenant's token finds no deliveries by function.
          places: places.filter((one) => one.page !== 'deliveries' || tenant === null),
        }}
      />
      <Shown of={loaded}>
        {(fn) =>
          page === 'settings' ? (
            <Settings one={fn} onChanged={reload} />
          ) : (
            <Known one={fn} onKey={reload} />
          )
        }
      </Shown>
    </>
  )
}

function Known({ one, onKey }: { one: Description; onKey: () => void }) {
  const id = one.wasm_id
  const [turn, setTurn] = useState(0)
  const callable = one.functions.filter((fn) => fn.unsupported === undefined)
  const [name, setName] = useState(callable[0]?.name)
  const chosen = callable.find((fn) => fn.name === name) ?? callable[0]
  return (
    <>
      <Facts>
        <Fact name="id">{id}</Fact>
        <Fact name="version">{one.version}</Fact>
        <Fact name="kind">{one.kind}</Fact>
        <Fact name="uploaded">
          <Time at={one.created_at} />
        </Fact>
        <Fact name="sha256">{one.wasm_sha256.slice(0, 14)}…</Fact>
      </Facts>
      <Warnings all={one.warnings} />
      {one.missing_imports.length > 0 && (
        <p class="note warn">
          Nobody provides what it imports: <code>{one.missing_imports.join(', ')}</code>
        </p>
      )}
      <Section title="Call">
        {chosen === undefined ? (
          <p class="muted">It exports no function that can be called.</p>
        ) : (
          <>
            <Exports all={one.functions} chosen={chosen} onChoose={setName} />
            <CallForm
              key={chosen.name}
              id={id}
              kind={one.kind}
              fn={chosen}
              stored={addressOf(one.wasm_callback_object)}
              onCalled={() => setTurn((before) => before + 1)}
            />
          </>
        )}
      </Section>
      <Section title="Recent runs">
        {mayAdminister(one) ? (
          <Runs id={id} turn={turn} curl={chosen === undefined ? '' : firstCurl(one, chosen)} />
        ) : (
          <AdminKey id={id} onKey={onKey} />
        )}
      </Section>
    </>
  )
}

function firstCurl({ wasm_id: id, kind }: Description, fn: Export): string {
  const text = kind === 'raw' ? '1' : 'hello'
  const inputs = firstInputs(fn, kind).map((one) => ({ ...one, text }))
  const bytes = fn.result?.includes('bytes') ?? false
  return curlOf({ id, name: fn.name, inputs, bytes, more: NOTHING_MORE, stored: undefined })
}

interface ExportsProps {
  all: readonly Export[]
  chosen: Export
  onChoose: (name: string) => void
}

function Exports({ all, chosen, onChoose }: ExportsProps) {
  return (
    <fieldset class="exports">
      <legend>Exports</legend>
      {all.map((fn) => (
        <label key={fn.name} class="export">
          <input
            type="radio"
            name="export"
            checked={fn.name === chosen.name}
            disabled={fn.unsupported !== undefined}
            onChange={() => onChoose(fn.name)}
          />
          <code>
            <span class="strong">{fn.name}</span>
            {format.signature(fn.params, fn.result)}
          </code>
          {fn.unsupported !== undefined && <span class="muted small">{fn.unsupported}</span>}
        </label>
      ))}
    </fieldset>
  )
}
