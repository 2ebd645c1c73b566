// One delivery: how it stands, where it came from and goes, every attempt, and what can be done about it.
import { cancel, findDelivery, resend } from './api.ts'
import type { Delivery } from './api.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { Refresh } from '../parts/refresh.tsx'
import { Shown } from '../parts/shown.tsx'
import { Attempts } from './attempts.tsx'
import { DeliveryState, WhatNext } from './delivery-state.tsx'
import { Fact, Facts, Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { Section } from '../parts/section.tsx'
import { WhatItSends } from './what-it-sends.tsx'
import { linkTo } from '../route.ts'
import { useAgain } from '../hooks/use-again.ts'
import { useLoad } from '../hooks/use-load.ts'
import { useWho } from '../who.ts'

const OPEN: readonly string[] = ['scheduled', 'leased', 'waiting']

export function DeliveryPage({ id }: { id: string }) {
  const loaded = useLoad(id, (signal) => findDelivery(id, signal))
  const { value: one, error, reload } = loaded
  useAgain(one !== undefined && (one.resending || OPEN.includes(one.state)), error ?? one, reload)
  return (
    <>
      <Head
        title={one === undefined ? 'Delivery' : `Delivery to ${one.target}`}
        way={[{ name: 'Deliveries', href: linkTo('deliveries') }]}
      />
      <Shown of={loaded}>{(delivery) => <Known one={delivery} onChanged={reload} />}</Shown>
    </>
  )
}

interface KnownProps {
  one: Delivery
  onChanged: () => void
}

function Known({ one, onChanged }: KnownProps) {
  const { mayManage } = useWho()
  return (
    <>
      <div class="standing" role="status">
        <p class="standing-state">
          <DeliveryState one={one} />
        </p>
        <p>
          <WhatNext one={one} />
        </p>
      </div>
      {mayManage && <Actions one={one} onChanged={onChanged} />}
      <Section title="About it">
        <About one={one} />
      </Section>
      <Section title="What it sends">
        <WhatItSends of={one} />
      </Section>
      <Section title="Attempts">
        <Attempts of={one} />
        <Refresh onPress={onChanged} />
      </Section>
    </>
  )
}

function Actions({ one, onChanged }: KnownProps) {
  const { delivery_id: id, state, resending, payload_kept: kept, order_state: place } = one
  const ending = endingOf(resending, state, place)
  return (
    <div class="row">
      {kept ? (
        <Action
          verb="Resend"
          primary
          act={() => resend(id)}
          done="Another attempt is on its way"
          onDone={onChanged}
        />
      ) : (
        <p class="muted">What it sent is no longer kept, so it cannot be sent again.</p>
      )}
      {ending !== undefined && (
        <Action
          key={ending.verb}
          {...ending}
          act={() => cancel(id)}
          done="Done"
          onDone={() => {
            // The button goes with what it ended.
            document.querySelector('h1')?.focus()
            onChanged()
          }}
        />
      )}
    </div>
  )
}

/** What `cancel` does now, in words. */
function endingOf(resending: boolean, state: string, place: string | null) {
  if (resending) return { verb: 'Take back the resend', sure: 'Take it back' }
  if (OPEN.includes(state) || state === 'paused') {
    return { verb: 'Cancel', sure: 'Cancel this delivery' }
  }
  // It ended badly, and those of the same key wait behind it.
  if (place !== null) return { verb: 'Let the next ones pass', sure: 'Let them pass' }
  return undefined
}

function About({ one }: { one: Delivery }) {
  return (
    <Facts>
      <Fact name="target">{one.target}</Fact>
      <Origin one={one} />
      {one.created_at !== null && (
        <Fact name="made">
          <Time at={one.created_at} />
        </Fact>
      )}
      {one.due_at !== null && (
        <Fact name="next try">
          <Time at={one.due_at} />
        </Fact>
      )}
      {one.ended_at !== null && (
        <Fact name="ended">
          <Time at={one.ended_at} />
        </Fact>
      )}
      <Fact name="tries by its policy">{one.tries}</Fact>
      <Fact name="tried again">{retryInWords(one.retry)}</Fact>
      {one.order_key !== null && <Fact name="order key">{one.order_key}</Fact>}
      {one.order_state !== null && <Fact name="in its line">{one.order_state}</Fact>}
      <Fact name="delivery id">{one.delivery_id}</Fact>
    </Facts>
  )
}

/** What it carries: a function's result, or a message to an endpoint. */
function Origin({ one }: { one: Delivery }) {
  const { run_id: run, wasm_id: wasm, tenant, message_id: message, endpoint_id: endpoint } = one
  return (
    <>
      {wasm !== null && (
        <Fact name="function">
          <a href={linkTo('function', { id: wasm })}>{wasm}</a>
        </Fact>
      )}
      {run !== null && (
        <Fact name="run">
          <a href={linkTo('run', { id: run })}>{run}</a>
        </Fact>
      )}
      {tenant !== null && <Fact name="tenant">{tenant}</Fact>}
      {one.event_type !== null && <Fact name="event type">{one.event_type}</Fact>}
      {tenant !== null && message !== null && (
        <Fact name="message">
          <a href={linkTo('message', { tenant, id: message })}>{message}</a>
        </Fact>
      )}
      {tenant !== null && endpoint !== null && (
        <Fact name="endpoint">
          <a href={linkTo('endpoint', { tenant, id: endpoint })}>{endpoint}</a>
        </Fact>
      )}
    </>
  )
}

/** Of `{ interval_ms, backoff, retries }` or `{ schedule_ms }`. */
function retryInWords(retry: unknown): string {
  const policy = (retry ?? {}) as {
    interval_ms?: number
    backoff?: number
    retries?: number
    schedule_ms?: readonly number[]
  }
  if (policy.schedule_ms !== undefined) {
    return policy.schedule_ms.length === 0
      ? 'never'
      : `after ${policy.schedule_ms.map(format.pause).join(', ')}`
  }
  const { interval_ms: interval = 0, backoff = 1, retries = 0 } = policy
  if (retries === 0) return 'never'
  const growth = backoff === 1 ? '' : `, each pause ${backoff} times the one before`
  return `${retries} times, ${format.pause(interval)} apart${growth}`
}
