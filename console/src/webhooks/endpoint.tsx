// One endpoint: how it is, a test of it, and what its owner does with it.
import { useState } from 'preact/hooks'
import {
  changeEndpoint,
  disableEndpoint,
  enableEndpoint,
  readEndpoint,
  readStats,
  removeEndpoint,
  resumeEndpoint,
} from './endpoints-api.ts'
import type { Endpoint, EndpointStats, OfEndpoint } from './endpoints-api.ts'
import { listEventTypes } from './events-api.ts'
import { changesOf, complaintOf, draftOf } from './endpoint-draft.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { EndpointAgain } from './endpoint-again.tsx'
import { EndpointFields } from './endpoint-form.tsx'
import { EndpointSecret } from './endpoint-secret.tsx'
import { EndpointState, nameOf } from './endpoint-state.tsx'
import { EndpointTrial } from './endpoint-trial.tsx'
import { Fact, Facts, Time } from '../parts/facts.tsx'
import { Hours } from './hours.tsx'
import { Refresh } from '../parts/refresh.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Shown } from '../parts/shown.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { go, linkTo } from '../route.ts'
import { useDraft } from '../hooks/use-draft.ts'
import { useLoad } from '../hooks/use-load.ts'
import { useWho } from '../who.ts'

export function EndpointPage({ tenant, id }: OfEndpoint) {
  const of = { tenant, id }
  const loaded = useLoad(`endpoint ${id}`, (signal) => readEndpoint(of, signal))
  const { value: one, reload } = loaded
  return (
    <>
      <TenantHead tenant={tenant} tab="endpoints" title={one ? nameOf(one) : 'Endpoint'} />
      <Shown of={loaded}>{(endpoint) => <Known one={endpoint} onChanged={reload} />}</Shown>
    </>
  )
}

interface Props {
  one: Endpoint
  onChanged: () => void
}

const ofOne = ({ tenant, endpoint_id: id }: Endpoint): OfEndpoint => ({ tenant, id })

function Known({ one, onChanged }: Props) {
  const { mayManage } = useWho()
  const of = ofOne(one)
  const { value: types } = useLoad(`types ${of.tenant}`, (signal) =>
    listEventTypes(of.tenant, undefined, signal),
  )
  const names = types?.items.map(({ name }) => name) ?? []
  return (
    <>
      {one.description !== '' && <p>{one.description}</p>}
      <Facts>
        <Fact name="state">
          <EndpointState one={one} />
        </Fact>
        <Fact name="gets">
          <code>{one.event_types?.join(', ')}</code>
        </Fact>
        <Fact name="body">{one.body_style}</Fact>
        {one.ordered && (
          <Fact name="order">
            {one.ordered.key ?? 'all in one line'}, {one.ordered.on_exhaustion}
          </Fact>
        )}
        {one.rate_limit && (
          <Fact name="rate">
            {one.rate_limit.attempts} in {format.duration(one.rate_limit.per_ms)}
          </Fact>
        )}
        <Fact name="made">
          <Time at={one.created_at} />
        </Fact>
        <Fact name="id">{of.id}</Fact>
      </Facts>
      <p>
        <a href={linkTo('deliveries', {}, { tenant: of.tenant, endpoint_id: of.id })}>
          Deliveries to this endpoint
        </a>
      </p>
      <Section title="What came of it">
        <Stats of={of} />
      </Section>
      {mayManage && (
        <>
          <Section title="Test">
            <EndpointTrial of={of} types={names} onTested={onChanged} />
          </Section>
          <Section title={one.enabled ? 'Disable' : 'Enable'}>
            <Switch one={one} onChanged={onChanged} />
          </Section>
          <Section title="Send again">
            <EndpointAgain of={of} />
          </Section>
          <Section title="Signing secret">
            <EndpointSecret one={one} onChanged={onChanged} />
          </Section>
          <Section title="Change">
            <Change one={one} types={names} onChanged={onChanged} />
          </Section>
          <Section title="Delete">
            <div class="call">
              <p class="muted">What was not delivered to it is canceled.</p>
              <Action
                verb="Delete this endpoint"
                sure="Delete it for good"
                act={() => removeEndpoint(of)}
                done=""
                onDone={() => go(linkTo('endpoints', { tenant: of.tenant }))}
              />
            </div>
          </Section>
        </>
      )}
    </>
  )
}

function Stats({ of }: { of: OfEndpoint }) {
  const loaded = useLoad(`stats ${of.id}`, (signal) => readStats(of, signal))
  return (
    <>
      <Shown of={loaded}>{(stats) => <Figures tenant={of.tenant} stats={stats} />}</Shown>
      <Refresh onPress={loaded.reload} />
    </>
  )
}

function Figures({ tenant, stats }: { tenant: string; stats: EndpointStats }) {
  const attempts = stats.succeeded + stats.failed_attempts
  return (
    <>
      <Facts>
        <Fact name="attempts taken">{stats.succeeded.toLocaleString()}</Fact>
        <Fact name="failed">{stats.failed_attempts.toLocaleString()}</Fact>
        {attempts > 0 && <Fact name="share taken">{format.share(stats.succeeded, attempts)}</Fact>}
        <Fact name="deliveries given up">{stats.exhausted.toLocaleString()}</Fact>
        <Fact name="discarded">{stats.discarded.toLocaleString()}</Fact>
        {stats.average_latency_ms !== null && (
          <Fact name="takes on average">{format.duration(stats.average_latency_ms)}</Fact>
        )}
        {stats.last_success_at !== null && (
          <Fact name="last taken">
            <Time at={stats.last_success_at} />
          </Fact>
        )}
        {stats.last_failure_at !== null && (
          <Fact name="last failure">
            <Time at={stats.last_failure_at} />
          </Fact>
        )}
      </Facts>
      {stats.hours.length === 0 ? (
        <p class="muted">
          Nothing was sent to it lately. Test it below, or{' '}
          <a href={linkTo('messages', { tenant })}>publish something</a> that it gets.
        </p>
      ) : (
        <Hours hours={stats.hours} nowMs={Date.now()} />
      )}
    </>
  )
}

function Switch({ one, onChanged }: Props) {
  const of = ofOne(one)
  const paused = one.paused ?? 0
  return (
    <div class="call">
      {one.enabled ? (
        <>
          <p class="muted">
            Disabled, it gets nothing of what is published, and what waits for it is paused.
          </p>
          <Action
            key="disable"
            verb="Disable"
            sure="Disable it and pause what waits"
            act={() => disableEndpoint(of)}
            done=""
            onDone={onChanged}
          />
        </>
      ) : (
        <>
          <p class="muted">
            Enabled, it gets what is published from then on. What is paused stays so until it is
            resumed; what it missed meanwhile is sent by a replay.
          </p>
          <Action
            key="enable"
            verb="Enable"
            primary
            act={() => enableEndpoint(of)}
            done=""
            onDone={onChanged}
          />
        </>
      )}
      {one.enabled && paused > 0 && (
        <>
          <p class="muted">{paused.toLocaleString()} of its deliveries are paused.</p>
          <Action
            verb="Resume"
            sure={`Send what is paused (${paused.toLocaleString()}), the oldest first`}
            act={() => resumeEndpoint(of)}
            done="They go on"
            onDone={onChanged}
          />
        </>
      )}
    </div>
  )
}

interface ChangeProps extends Props {
  types: readonly string[]
}

function Change({ one, types, onChanged }: ChangeProps) {
  const { before, draft, setDraft, stored } = useDraft(() => draftOf(one))
  const [warnings, setWarnings] = useState<readonly string[]>([])

  async function save(): Promise<void> {
    const wasmId = draft.to === 'function' ? Number(draft.wasmId) : undefined
    const changed = await changeEndpoint(ofOne(one), changesOf(draft, before), wasmId)
    setWarnings(changed.warnings ?? [])
    stored({ ...draft, url: '', headers: '', others: '' })
  }

  return (
    <SaveForm
      verb="Save the changes"
      complain={() => complaintOf(draft, one.url === null && draft.to === 'url')}
      save={save}
      onSaved={onChanged}
    >
      <EndpointFields draft={draft} onChange={setDraft} types={types} shownUrl={one.url} />
      <Warnings all={warnings} />
    </SaveForm>
  )
}
