// Watches runs as they end.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

export interface LiveEvent {
  event: string
  data: Record<string, unknown>
}

/** The events of a stream, one at a time; undefined at its end. */
export async function watch(
  t: Pick<TestContext, 'after'>,
  { origin }: { origin: string },
  query = '',
  workers = 1,
) {
  const hangUp = new AbortController()
  t.after(() => hangUp.abort())
  const response = await fetch(`${origin}/api/runs/live${query}`, { signal: hangUp.signal })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  async function next(): Promise<LiveEvent | undefined> {
    while (!text.includes('\n\n')) {
      const { done, value } = await reader.read()
      if (done) return undefined
      text += value
    }
    const [one = '', ...rest] = text.split('\n\n')
    text = rest.join('\n\n')
    // A sign of life.
    if (one.startsWith(':')) return next()
    const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(one) ?? []
    return { event, data: JSON.parse(data) as Record<string, unknown> }
  }
  const open = await next()
  assert.deepEqual(open, { event: 'open', data: { sampled_above: 500, workers } })
  return { next, hangUp: () => hangUp.abort() }
}
