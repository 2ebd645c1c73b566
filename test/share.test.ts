// What several processes may use of what is set for all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOf } from '../src/core/share.ts'

test('all shares together are the total, and no two differ by more than one', () => {
  for (let total = 0; total <= 20; total++) {
    for (let of = 1; of <= 6; of++) {
      const shares = Array.from({ length: of }, (_, index) => shareOf(total, { index, of }))
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        total,
      )
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1)
    }
  }
})
