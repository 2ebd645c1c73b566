// What was asked of the server, once it is there: before that it loads, or says why it does not come.
import type { ComponentChildren } from 'preact'
import type { Loaded } from '../hooks/use-load.ts'
import { Refused } from './admin-key.tsx'

interface Props<T> {
  of: Loaded<T>
  children: (value: T) => ComponentChildren
}

export function Shown<T>({ of: { value, error, reload }, children }: Props<T>) {
  if (error !== undefined) return <Refused error={error} retry={reload} />
  return <>{value === undefined ? <Loading /> : children(value)}</>
}

export function Loading() {
  return <p class="muted">Loading …</p>
}
