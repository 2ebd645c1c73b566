// What processes tell each other of, where the primary passes it on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNotices } from '../src/cluster/notices.ts'

test('notices of changes are waited for until all have heard, and nothing of them is kept', async () => {
  const heard: number[] = []
  const notices = createNotices(() => [
    (notice) => {
      if (notice.kind === 'executable') heard.push(notice.id)
      return Promise.resolve()
    },
  ])
  for (let id = 1; id <= 3; id++) notices.post({ kind: 'executable', id })
  assert.equal(await notices.told(), undefined)
  assert.deepEqual(heard, [1, 2, 3])
  const before = notices.told()
  notices.post({ kind: 'cancel', runId: 'a run' })
  assert.equal(notices.told(), before)
  notices.post({ kind: 'tokens' })
  assert.notEqual(notices.told(), before)
})
