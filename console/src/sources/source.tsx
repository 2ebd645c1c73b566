// One source: its address, what came there and what became of it, and what its owner changes.
import { useState } from 'preact/hooks'
import { changeSource, deleteSource, findSource } from './api.ts'
import type { Source, Verdict } from './api.ts'
import * as format from '../format.ts'
import { hookCurl } from './hook-curl.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine, Copyable } from '../parts/copy.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Secret } from '../parts/secret.tsx'
import { Shown } from '../parts/shown.tsx'
import { SourceEvents } from './source-events.tsx'
import { SourceFields } from './source-fields.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Section } from '../parts/section.tsx'
import { VerifyFields } from './verify-fields.tsx'
import { go, linkTo } from '../route.ts'
import {
  SCHEMES,
  changeOf,
  complaintOf,
  complaintOfVerify,
  draftOf,
  draftOfVerify,
  verifyOf,
} from './source-draft.ts'
import { useDraft } from '../hooks/use-draft.ts'
import { useLoad } from '../hooks/use-load.ts'
import { useWho } from '../who.ts'
import { Does } from './sources.tsx'

interface Props {
  tenant: string
  id: string
  query: Readonly<Record<string, string>>
}

export function SourcePage({ tenant, id, query }: Props) {
  const loaded = useLoad(`source ${id}`, (signal) => findSource(tenant, id, signal))
  return (
    <>
      <TenantHead
        tenant={tenant}
        tab="sources"
        title={loaded.value?.description || `Source ${format.shortId(id)}`}
      />
      <Shown of={loaded}>
        {(source) => <Known source={source} query={query} onChanged={loaded.reload} />}
      </Shown>
    </>
  )
}

interface KnownProps {
  source: Source
  onChanged: () => void
}

function Known({ source, query, onChanged }: KnownProps & Pick<Props, 'query'>) {
  const { url } = source
  const { mayManage } = useWho()
  const curl = hookCurl(source)
  return (
    <>
      <Copyable text={url} what="the address" />
      <About source={source} />
      <Section title="What came">
        <SourceEvents source={source} verdict={query.verdict as Verdict | undefined} curl={curl} />
      </Section>
      {curl !== undefined && (
        <Section title="Send it something">
          <p>
            From a terminal, as its sender would
            {source.verify.scheme === 'none' ? ':' : ', with the secret in the variable SECRET:'}
          </p>
          <CommandLine text={curl} label="curl lines that send it an event" />
        </Section>
      )}
      {mayManage && <Manage source={source} onChanged={onChanged} />}
    </>
  )
}

function Manage({ source, onChanged }: KnownProps) {
  return (
    <>
      <Section title="Settings">
        <Settings source={source} onChanged={onChanged} />
      </Section>
      <Section title="Verification">
        <Verification source={source} onChanged={onChanged} />
      </Section>
      <Section title={source.enabled ? 'Disable or delete' : 'Enable or delete'}>
        <Ends source={source} onChanged={onChanged} />
      </Section>
    </>
  )
}

function About({ source }: { source: Source }) {
  const { verify, enabled, format, function: fn, created_at: made } = source
  return (
    <Facts>
      <Fact name="state">
        <Status word={enabled ? 'enabled' : 'disabled'} />
      </Fact>
      <Fact name="sender">{SCHEMES[verify.scheme].label}</Fact>
      <Fact name="what it does">
        <Does source={source} />
      </Fact>
      {fn !== null && (
        <Fact name="its sender gets">
          {fn.answer === 'result' ? 'what the function answers' : '202 at once'}
        </Fact>
      )}
      <Fact name="format">{format}</Fact>
      <Fact name="made">
        <Time at={made} />
      </Fact>
    </Facts>
  )
}

function Settings({ source, onChanged }: KnownProps) {
  const { before, draft, setDraft, stored } = useDraft(() => draftOf(source))
  return (
    <SaveForm
      verb="Save the settings"
      complain={() => complaintOf(draft)}
      save={async () => stored(draftOf(await changeSource(source, changeOf(before, draft))))}
      onSaved={onChanged}
    >
      <SourceFields
        draft={draft}
        onChange={(changed) => setDraft((one) => ({ ...one, ...changed }))}
      />
    </SaveForm>
  )
}

function Verification({ source, onChanged }: KnownProps) {
  const [verify, setVerify] = useState(() => draftOfVerify(source))
  const [secret, setSecret] = useState<string | undefined>(undefined)
  return (
    <SaveForm
      verb="Replace the verification"
      done="Replaced"
      complain={() => complaintOfVerify(verify)}
      save={async () => {
        const changed = await changeSource(source, { verify: verifyOf(verify) })
        setSecret(changed.secret)
        setVerify(draftOfVerify(changed))
      }}
      onSaved={onChanged}
    >
      <p class="muted">
        What is saved here replaces the secrets. So that nothing is refused meanwhile, give the new
        one and the old one first, and the new one alone once its sender has it.
      </p>
      <VerifyFields
        draft={verify}
        onChange={(changed) => setVerify((one) => ({ ...one, ...changed }))}
      />
      {secret !== undefined && (
        <Secret text={secret} what="the secret">
          Its secret is shown this once. Copy it now, and set it at the sender.
        </Secret>
      )}
    </SaveForm>
  )
}

function Ends({ source, onChanged }: KnownProps) {
  const { tenant, enabled } = source
  return (
    <div class="call">
      <Action
        key={String(enabled)}
        verb={enabled ? 'Disable it' : 'Enable it'}
        act={() => changeSource(source, { enabled: !enabled })}
        done=""
        onDone={onChanged}
      />
      <p class="muted">
        {enabled
          ? 'While it is disabled, its address answers 404, and events can still be replayed.'
          : 'Its address answers 404 now; events can still be replayed.'}
      </p>
      <Action
        verb="Delete this source"
        sure="Delete it with its history"
        act={() => deleteSource(source)}
        done=""
        onDone={() => go(linkTo('sources', { tenant }))}
      />
    </div>
  )
}
