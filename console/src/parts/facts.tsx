// Small things that a page tells of one thing: facts by name, a state by its tone, a moment.
import type { ComponentChildren } from 'preact'
import * as format from '../format.ts'

export function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

const TONES: Readonly<Record<string, string>> = {
  succeeded: 'good',
  active: 'good',
  enabled: 'good',
  healthy: 'good',
  failed: 'bad',
  failing: 'bad',
  exhausted: 'bad',
  discarded: 'bad',
  disabled: 'bad',
  canceled: 'off',
}

/** Of a run, a delivery, an endpoint; its word says it, the colour helps. */
export function Status({ word, code }: { word: string; code?: string | null }) {
  return (
    <>
      <span class={`status ${TONES[word] ?? ''}`}>{word}</span>
      {code !== undefined && code !== null && (
        <>
          {' '}
          <code class="code">{code}</code>
        </>
      )}
    </>
  )
}

const NAMES_SHOWN = 3

/** The first of many. */
export function Names({ all }: { all: readonly string[] }) {
  const more = all.length - NAMES_SHOWN
  return (
    <>
      <code>{all.slice(0, NAMES_SHOWN).join(', ')}</code>
      {more > 0 && <span class="muted"> and {more} more</span>}
    </>
  )
}

export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {format.time(at)}
    </time>
  )
}
