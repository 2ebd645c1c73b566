// Calls between two processes, here over a pipe within one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { createChannel } from '../src/cluster/channel.ts'
import type { Item } from '../src/cluster/channel.ts'
import { AppError } from '../src/errors.ts'

/** Two ends of a pipe; `theirs` of the first calls what `methods` says. */
function connect<Methods extends object>(t: TestContext, methods: Methods) {
  const { port1, port2 } = new MessageChannel()
  const messages: (readonly Item[])[] = []
  const near = createChannel<Methods>((items) => {
    port1.postMessage(items)
    messages.push(items)
  }, {})
  const far = createChannel<object>((items) => port2.postMessage(items), methods)
  port1.on('message', (items: Item[]) => near.receive(items))
  port2.on('message', (items: Item[]) => far.receive(items))
  t.after(() => port1.close())
  return { near, theirs: near.theirs, messages }
}

test('results come back to whoever asked, and what one turn asks goes as one message', async (t) => {
  const { theirs, messages } = connect(t, {
    double: (n: number) => Promise.resolve(2 * n),
    copy: (bytes: Uint8Array, of: ReadonlyMap<string, number>) => ({ bytes, of }),
  })
  const numbers = Array.from({ length: 20 }, (_, n) => n)
  const doubled = await Promise.all(numbers.map((n) => theirs.double(n)))
  assert.deepEqual(
    doubled,
    numbers.map((n) => 2 * n),
  )
  assert.equal(messages.length, 1)
  const of = new Map([['a', 1]])
  assert.deepEqual(await theirs.copy(Uint8Array.of(1, 2), of), { bytes: Uint8Array.of(1, 2), of })
})

test('an error arrives with code, sentence and detail, and one without a code as INTERNAL', async (t) => {
  const { theirs } = connect(t, {
    refuse: (): void => {
      throw new AppError('STORAGE_FULL', 'No room.', { detail: { limit: 3 } })
    },
    break: (): void => {
      throw new TypeError('x is not a function')
    },
  })
  await assert.rejects(theirs.refuse(), (error) => {
    assert.ok(error instanceof AppError)
    assert.deepEqual(
      [error.code, error.message, error.detail],
      ['STORAGE_FULL', 'No room.', { limit: 3 }],
    )
    return true
  })
  await assert.rejects(theirs.break(), (error) => {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'INTERNAL')
    // For the log alone.
    assert.match(String(error.cause), /x is not a function/)
    return true
  })
})

test('errors within what is carried keep what they say, and all else stays as it is', async (t) => {
  const seen: unknown[] = []
  const { theirs } = connect(t, {
    keep: (value: unknown) => {
      seen.push(value)
      return { again: value }
    },
  })
  const error = new AppError('TRAP', 'It trapped.', { detail: { run_id: 'x' } })
  const value = { of: [{ error }, 1, null], bytes: Uint8Array.of(1), none: undefined }
  const { again } = (await theirs.keep(value)) as { again: typeof value }
  for (const copy of [seen[0] as typeof value, again]) {
    const { error: arrived } = copy.of[0] as { error: unknown }
    assert.ok(arrived instanceof AppError)
    assert.deepEqual(
      [arrived.code, arrived.message, arrived.detail, arrived.status],
      ['TRAP', 'It trapped.', { run_id: 'x' }, 500],
    )
    assert.deepEqual([copy.of.slice(1), copy.bytes], [[1, null], value.bytes])
  }
})

test('what cannot be carried fails alone', async (t) => {
  const { theirs } = connect(t, {
    echo: (value: unknown) => value,
    secret: () => () => 'a function',
  })
  const outcomes = await Promise.allSettled([
    theirs.echo(1),
    theirs.echo(() => 'a function'),
    theirs.secret(),
    theirs.echo(2),
  ])
  assert.deepEqual(
    outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as AppError).code,
    ),
    [1, 'INTERNAL', 'INTERNAL', 2],
  )
})

test('whoever waits for a side that is gone is told CLOSED, as is whoever asks later', async (t) => {
  const { near, theirs } = connect(t, { wait: () => new Promise<void>(() => undefined) })
  const waiting = theirs.wait()
  await new Promise(setImmediate)
  near.close()
  await assert.rejects(waiting, { code: 'CLOSED' })
  await assert.rejects(theirs.wait(), { code: 'CLOSED' })
})
