// Tokens of a tenant, which the operator makes and revokes.
import { useState } from 'preact/hooks'
import { addToken, listTokens, revokeToken } from './tenants-api.ts'
import type { MadeToken, TokenItem } from './tenants-api.ts'
import { curl, jsonWords } from '../curl.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { Time } from '../parts/facts.tsx'
import { Check, Choice, TextField } from '../parts/fields.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Secret } from '../parts/secret.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Section } from '../parts/section.tsx'
import { usePages } from '../hooks/use-pages.ts'

export function Tokens({ tenant }: { tenant: string }) {
  const pages = usePages(`tokens ${tenant}`, (cursor, signal) => listTokens(tenant, cursor, signal))
  const revoke: Column<TokenItem> = {
    head: 'Revoke',
    silent: true,
    cell: (one) =>
      stateOf(one) === 'active' && (
        <Action
          verb={`Revoke ${one.prefix}`}
          sure="Revoke it for good"
          act={() => revokeToken(one.token_id)}
          done=""
          onDone={pages.reload}
        />
      ),
  }
  return (
    <>
      <TenantHead tenant={tenant} tab="tokens" />
      <List
        things="tokens"
        columns={[...COLUMNS, revoke]}
        pages={pages}
        keyOf={(one) => one.token_id}
        empty={<Empty tenant={tenant} />}
      />
      <Section title="A new token">
        <NewForm tenant={tenant} onMade={pages.reload} />
      </Section>
    </>
  )
}

function stateOf({ revoked_at: revoked, expires_at: end }: TokenItem): string {
  if (revoked !== null) return 'revoked'
  return end !== null && Date.parse(end) <= Date.now() ? 'expired' : 'active'
}

const COLUMNS: readonly Column<TokenItem>[] = [
  {
    head: 'Token',
    cell: ({ prefix, description }) => (
      <>
        <code>{prefix}…</code>
        {description !== '' && <div class="muted small">{description}</div>}
      </>
    ),
  },
  { head: 'May', cell: ({ rights }) => rights.join(', ') },
  { head: 'State', cell: (one) => stateOf(one) },
  { head: 'Ends', cell: ({ expires_at: at }) => (at ? <Time at={at} /> : 'never'), wide: true },
  {
    head: 'Last used',
    cell: ({ last_used_at: at }) => (at ? <Time at={at} /> : 'never'),
    wide: true,
  },
]

type Right = TokenItem['rights'][number]

const RIGHTS: readonly { right: Right; words: string }[] = [
  { right: 'read', words: 'read: list and show' },
  { right: 'publish', words: 'publish: publish messages' },
  { right: 'manage', words: 'manage: all of these, and add, change, delete and send again' },
]

const DAY_MS = 86_400_000
const ENDS = { 30: '30 days', 90: '90 days', 365: 'a year', 0: 'no end' } as const

function NewForm({ tenant, onMade }: { tenant: string; onMade: () => void }) {
  const [rights, setRights] = useState<readonly Right[]>(['read'])
  const [description, setDescription] = useState('')
  const [days, setDays] = useState<`${keyof typeof ENDS}`>('90')
  const [made, setMade] = useState<MadeToken | undefined>(undefined)
  const end = days === '0' ? {} : { expires_in_ms: Number(days) * DAY_MS }

  async function save(): Promise<void> {
    setMade(await addToken({ tenant, rights: [...rights], description, ...end }))
  }

  return (
    <>
      {made !== undefined && (
        <Secret text={made.token} what="the new token">
          This is the new token, shown this once: copy it now. Whoever has it may sign in here too,
          and sees this tenant alone.
        </Secret>
      )}
      <SaveForm
        verb="Make the token"
        done="It works from now on"
        complain={() => (rights.length === 0 ? 'Choose what it may do.' : undefined)}
        save={save}
        onSaved={onMade}
      >
        <fieldset class="exports">
          <legend>It may</legend>
          {RIGHTS.map(({ right, words }) => (
            <Check
              key={right}
              checked={rights.includes(right)}
              onChange={(chosen) =>
                setRights(chosen ? [...rights, right] : rights.filter((one) => one !== right))
              }
            >
              {words}
            </Check>
          ))}
        </fieldset>
        <TextField
          label="Description"
          placeholder="of the shop"
          value={description}
          onChange={setDescription}
        />
        <Choice label="It ends after" value={days} options={ENDS} onChange={setDays} />
      </SaveForm>
    </>
  )
}

function Empty({ tenant }: { tenant: string }) {
  const body = { tenant, rights: ['publish'] }
  return (
    <>
      <p>
        There are no tokens yet, so only the operator comes in. Make one below, or from a terminal:
      </p>
      <CommandLine
        text={curl('POST', '/api/tokens', ...jsonWords(body))}
        label="curl line for a first token"
      />
    </>
  )
}
