// How a delivery stands: a word, and a sentence about what happens next.
import type { DeliveryItem } from './api.ts'
import { Status, Time } from '../parts/facts.tsx'

type Standing = Pick<
  DeliveryItem,
  'state' | 'reason' | 'due_at' | 'resending' | 'last_status' | 'last_error_class'
> & { held_until?: string | null }

export function DeliveryState({ one }: { one: Standing }) {
  return (
    <>
      <Status word={one.state} code={one.state === 'succeeded' ? null : lastFailure(one)} />
      {one.resending && <span class="muted small"> being sent again</span>}
    </>
  )
}

function lastFailure({ last_status: status, last_error_class: failure }: Standing): string | null {
  if (failure !== null) return failure
  return status === null || (status >= 200 && status < 300) ? null : `HTTP ${status}`
}

export function WhatNext({ one }: { one: Standing }) {
  if (one.resending) return <>It is being sent again, beside what its policy says.</>
  const { state, due_at: due, held_until: held, reason } = one
  switch (state) {
    case 'scheduled':
      return due === null ? null : (
        <>
          It is sent at <Time at={due} />. <Held until={held} />
        </>
      )
    case 'waiting':
      return due === null ? null : (
        <>
          It is tried again at <Time at={due} />. <Held until={held} />
        </>
      )
    case 'leased':
      return <>An attempt is under way.</>
    case 'paused':
      return <>Its endpoint is disabled. It goes on when that is enabled.</>
    case 'succeeded':
      return <>Its target took it.</>
    case 'exhausted':
      return <>It was tried as often as its policy says. Repair the target, then send it again.</>
    case 'discarded':
      return <>{DISCARDED[reason ?? ''] ?? `It was given up: ${reason ?? 'no reason is known'}.`}</>
    case 'canceled':
      return <>{CANCELED[reason ?? ''] ?? 'Somebody canceled it.'}</>
    default:
      return null
  }
}

function Held({ until }: { until: string | null | undefined }) {
  if (until === undefined || until === null) return null
  return (
    <>
      Its target asked for a break until <Time at={until} />.
    </>
  )
}

const DISCARDED: Readonly<Record<string, string>> = {
  gone: 'Its target answered 410: it wants no more.',
  loop: 'It was going round in a loop.',
  filtered: "The endpoint's filter left it out.",
  token_fields_missing: 'The payload lacks a field that the address or a header needs.',
  resource_missing: 'What it was to fetch before is not there.',
}

const CANCELED: Readonly<Record<string, string>> = {
  executable_deleted: 'Its function was deleted.',
  endpoint_deleted: 'Its endpoint was deleted.',
}
