// What was asked of the server, once it is there: before that it loads, or says why it does not come. What was there stays
// beside the error of a later try: somebody may have typed in it.
import type { ComponentChildren } from 'preact'
import type { Loaded } from '../hooks/use-load.ts'
import { Refused } from './admin-key.tsx'

interface Props<T> {
  of: Loaded<T>
  children: (value: T) => ComponentChildren
}

export function Shown<T>({ of: { value, error, reload }, children }: Props<T>) {
  if (value === undefined && error === undefined) return <Loading />
  return (
    <>
      {error !== undefined && <Refused error={error} retry={reload} />}
      {value !== undefined && children(value)}
    </>
  )
}

export function Loading() {
  return <p class="muted">Loading …</p>
}
