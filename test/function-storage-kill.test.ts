// What functions keep when the server is killed in the midst of their calls.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { guest } from './helpers/guests.ts'
import { startProcess } from './helpers/server-process.ts'

const CALLERS = 4

test('a kill -9 in the midst of writing calls loses none that was answered and keeps no half one', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-kill-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  let id = 0
  let answered = 0

  async function call(origin: string, fn: string): Promise<number> {
    const response = await fetch(`${origin}/api/run/${id}/${fn}`, { method: 'POST' })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return Number(text)
  }

  // Several times, because each hits another moment.
  for (let round = 1; round <= 3; round++) {
    const { child, origin } = await startProcess(t, dataDir)
    if (round === 1) {
      const body = new Blob([await guest('storage')])
      const upload = await fetch(`${origin}/api/executables`, { method: 'POST', body })
      id = ((await upload.json()) as { wasm_id: number }).wasm_id
    }
    const begun = await call(origin, 'read')
    assert.ok(begun >= answered, `${answered} were answered, ${begun} are stored`)
    // Two at a time, or none of the two.
    assert.equal(begun % 2, 0)
    assert.ok(begun <= answered + 2 * CALLERS)
    const incrementUntilKilled = async (): Promise<void> => {
      for (;;) {
        answered = Math.max(answered, await call(origin, 'increment_twice'))
        if (answered >= round * 100) child.kill('SIGKILL')
      }
    }
    const exit = once(child, 'exit')
    const callers = Array.from({ length: CALLERS }, incrementUntilKilled)
    for (const outcome of await Promise.allSettled(callers)) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof TypeError, 'connection')
    }
    await exit
  }

  const { origin } = await startProcess(t, dataDir)
  const left = await call(origin, 'read')
  assert.ok(left >= answered && left <= answered + 2 * CALLERS && left % 2 === 0)
})
