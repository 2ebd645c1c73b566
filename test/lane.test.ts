// The lane in front of function storage: one holder, the others in order, none for ever.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HangUp } from '../src/core/hang-up.ts'
import { createLane } from '../src/core/lane.ts'
import { AppError } from '../src/errors.ts'

const WAIT = { ms: 60_000, length: 10, leaving: undefined }

function isError(code: string) {
  return (error: unknown) => error instanceof AppError && error.code === code
}

test('those who wait come in order, after one who goes first, each once the one before has left', async () => {
  const lane = createLane()
  const order: string[] = []
  const leave = await lane.enter(WAIT)
  const pass = async (name: string, entered: Promise<() => void>): Promise<void> => {
    const leaveAgain = await entered
    order.push(name)
    await Promise.resolve()
    order.push(`${name} leaves`)
    leaveAgain()
    // Leaving twice lets nobody in beside the next one.
    leaveAgain()
  }
  const all = [
    pass('a', lane.enter(WAIT)),
    pass('b', lane.enter(WAIT)),
    pass('first', lane.enterFirst(WAIT)),
  ]
  assert.deepEqual([order, lane.waiting()], [[], 3])
  leave()
  await Promise.all(all)
  assert.deepEqual(order, ['first', 'first leaves', 'a', 'a leaves', 'b', 'b leaves'])
  await lane.enter({ ...WAIT, length: 0 })
  await assert.rejects(lane.enter({ ...WAIT, length: 0 }), isError('QUEUE_FULL'))
})

test('one who waits leaves when the time is over, the caller is gone or the lane closes', async () => {
  const lane = createLane()
  const leave = await lane.enter(WAIT)
  await assert.rejects(lane.enter({ ...WAIT, ms: 1 }), isError('QUEUE_TIMEOUT'))
  const gone = new HangUp()
  const waiting = lane.enter({ ...WAIT, leaving: gone })
  const next = lane.enter(WAIT)
  gone.leave()
  await assert.rejects(waiting, isError('CANCELED'))
  await assert.rejects(lane.enter({ ...WAIT, leaving: gone }), isError('CANCELED'))
  leave()
  const leaveNext = await next
  const late = lane.enter(WAIT)
  lane.close()
  await assert.rejects(late, isError('CLOSED'))
  await assert.rejects(lane.enter(WAIT), isError('CLOSED'))
  leaveNext()
})

test('a lane with places holds as many, and lets in who fits as they leave', async () => {
  const lane = createLane('for their turn')
  const three = { ...WAIT, places: 3 }
  const leave = await Promise.all([lane.enter(three), lane.enter(three), lane.enter(three)])
  const order: string[] = []
  const enter = async (name: string, places: number): Promise<void> => {
    await lane.enter({ ...WAIT, places })
    order.push(name)
  }
  const waiting = [enter('alone', 1), enter('beside one', 2)]
  leave[0]()
  leave[1]()
  await new Promise(setImmediate)
  // Who waits first is let in first, even where the second would have its place already.
  assert.deepEqual([order, lane.waiting()], [[], 2])
  leave[2]()
  await Promise.all(waiting)
  assert.deepEqual([order, lane.idle()], [['alone', 'beside one'], false])
})
