// Slots for work of several lanes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from '../src/core/slots.ts'

const NEVER = new AbortController().signal

/** Takes slots and tells in which order they were had. */
function takers(slots: ReturnType<typeof createSlots>) {
  const had: string[] = []
  return {
    had,
    take: (name: string, lane: string, signal = NEVER) => {
      return slots.take(lane, [NEVER, signal]).then((giveBack) => {
        if (giveBack !== undefined) had.push(name)
        return giveBack
      })
    },
  }
}

test('no more than so many have a slot at once, in all and of one lane; the others come in order', async () => {
  const { had, take } = takers(createSlots({ inAll: 3, perLane: 2 }))
  const first = await take('a1', 'a')
  const second = await take('a2', 'a')
  const others = [take('a3', 'a'), take('b1', 'b'), take('c1', 'c'), take('a4', 'a')]
  await new Promise(setImmediate)
  assert.deepEqual(had, ['a1', 'a2', 'b1'])
  first?.()
  await others[0]
  assert.deepEqual(had, ['a1', 'a2', 'b1', 'a3'])
  second?.()
  await others[2]
  assert.deepEqual(had, ['a1', 'a2', 'b1', 'a3', 'c1'])
  // There is room in all, and none in its lane, until one of that lane ends.
  ;(await others[1])?.()
  await others[3]
  assert.deepEqual(had.slice(5), ['a4'])
})

test('whoever need not wait any longer gets none, and takes none from others', async () => {
  const { had, take } = takers(createSlots({ inAll: 1, perLane: 1 }))
  const held = await take('one', 'a')
  const leaving = new AbortController()
  const left = take('left', 'a', leaving.signal)
  const stayed = take('stayed', 'a')
  leaving.abort()
  assert.equal(await left, undefined)
  held?.()
  await stayed
  assert.deepEqual(had, ['one', 'stayed'])
  assert.equal(createSlots({ inAll: 1, perLane: 0 }).tryTake('a'), undefined)
  assert.equal(await take('late', 'a', leaving.signal), undefined)
})
