// What every storage engine must do with the secrets that callbacks are signed with.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { NewSigningSecret, Storage } from '../src/storage/storage.ts'
import { bounds as claimBounds, newDelivery } from './storage-deliveries-suite.ts'
import { newExecutable } from './storage-suite.ts'

const NOW = 1_000_000

export function newSigningSecret(change: Partial<NewSigningSecret> = {}): NewSigningSecret {
  return {
    id: uuidv7(),
    hmacKey: randomBytes(32),
    privateKey: null,
    createdAtMs: NOW,
    ...change,
  }
}

export function testSigningSecrets(
  engine: string,
  open: (t: TestContext) => Promise<Storage>,
): void {
  describe(`${engine}: signing secrets`, () => {
    const bounds = (previousUntilMs: number, nowMs = NOW, previousMax = 2) => ({
      nowMs,
      previousUntilMs,
      previousMax,
    })

    async function opened(t: TestContext) {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const secrets = async () => (await storage.executables.get(id))?.signingSecrets ?? []
      const kept = async () => (await secrets()).map((one) => [one.id, one.expiresAtMs])
      return { storage, id, secrets, kept }
    }

    test('one is read as it was written, with its key pair', async (t) => {
      const { storage, id, secrets } = await opened(t)
      assert.deepEqual(await secrets(), [])
      const made = newSigningSecret({ privateKey: randomBytes(48) })
      await storage.signingSecrets.rotate(id, made, bounds(NOW))
      assert.deepEqual(await secrets(), [{ ...made, expiresAtMs: null }])
    })

    test('a new one ends those before it, and what has ended is deleted', async (t) => {
      const { storage, id, kept } = await opened(t)
      const [first, second, third, fourth] = Array.from({ length: 4 }, () => newSigningSecret())
      await storage.signingSecrets.rotate(id, first!, bounds(NOW + 10))
      await storage.signingSecrets.rotate(id, second!, bounds(NOW + 10))
      assert.deepEqual(await kept(), [
        [second!.id, null],
        [first!.id, NOW + 10],
      ])
      // Later, but not beyond what was said before.
      await storage.signingSecrets.rotate(id, third!, bounds(NOW + 20, NOW + 5))
      assert.deepEqual(await kept(), [
        [third!.id, null],
        [second!.id, NOW + 20],
        [first!.id, NOW + 10],
      ])
      await storage.signingSecrets.rotate(id, fourth!, bounds(NOW + 15, NOW + 10))
      assert.deepEqual(await kept(), [
        [fourth!.id, null],
        [third!.id, NOW + 15],
        [second!.id, NOW + 15],
      ])
    })

    test('more than the bound are refused and change nothing, unless the others end', async (t) => {
      const { storage, id, kept } = await opened(t)
      for (let n = 0; n < 3; n++) {
        await storage.signingSecrets.rotate(id, newSigningSecret(), bounds(NOW + 10))
      }
      const before = await kept()
      const refused = storage.signingSecrets.rotate(id, newSigningSecret(), bounds(NOW + 5))
      await assert.rejects(refused, { code: 'CONFLICT' })
      assert.deepEqual(await kept(), before)
      const last = newSigningSecret()
      await storage.signingSecrets.rotate(id, last, bounds(NOW))
      assert.deepEqual(await kept(), [[last.id, null]])
    })

    test('a lease of what is signed brings them along, and no other does', async (t) => {
      const { storage, id, secrets } = await opened(t)
      const other = await storage.executables.create(newExecutable())
      await storage.signingSecrets.rotate(id, newSigningSecret(), bounds(NOW + 10))
      await storage.signingSecrets.rotate(id, newSigningSecret(), bounds(NOW + 10))
      const own = await secrets()
      const deliveries = [
        newDelivery({ executableId: id, signed: true }),
        newDelivery({ executableId: id, signed: false }),
        newDelivery({ executableId: other.id, signed: true }),
      ]
      for (const delivery of deliveries) await storage.deliveries.create(delivery)
      const leased = await storage.deliveries.claim(claimBounds())
      const brought = new Map(leased.map((one) => [one.id, one.signingSecrets]))
      assert.deepEqual(
        deliveries.map((one) => brought.get(one.id)),
        [own, [], []],
      )
    })

    test('they are of one executable, end with it, and can be cleared', async (t) => {
      const { storage, id, kept } = await opened(t)
      const other = await storage.executables.create(newExecutable())
      await storage.signingSecrets.rotate(id, newSigningSecret(), bounds(NOW))
      await storage.signingSecrets.rotate(other.id, newSigningSecret(), bounds(NOW))
      await storage.signingSecrets.clear(id)
      assert.deepEqual(await kept(), [])
      assert.equal((await storage.executables.get(other.id))?.signingSecrets.length, 1)
      await storage.executables.delete(other.id)
      const late = storage.signingSecrets.rotate(other.id, newSigningSecret(), bounds(NOW))
      await assert.rejects(late, { code: 'NOT_FOUND' })
    })
  })
}
