// Runs the rows of hostile guests of a topic, each as a test of its own beside a neighbour.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './build-app.ts'
import type { Settings, TestApp } from './build-app.ts'
import { upload } from './client.ts'
import type { ErrorAnswer, Uploaded } from './client.ts'
import { callWith, configure, textOf } from './guest-calls.ts'
import { guest } from './guests.ts'
import { HOSTILE_GUESTS, HOSTILE_SETTINGS, differs } from './hostile-guests.ts'
import type { Expected, HostileGuest } from './hostile-guests.ts'
import { until } from './until.ts'

/** Few, so that a thread or slot that does not come back is missed at once. */
const THREADS = 4

/** A server with hostile guests and one neighbour, which must always answer. */
export interface Neighbourhood {
  app: TestApp
  hostile: (guest: HostileGuest) => Promise<Uploaded>
  /** Asserts that the neighbour answers. */
  neighbourAnswers: () => Promise<void>
  /** Asserts that nothing runs any more and that every thread and every slot takes calls. */
  isWhole: () => Promise<void>
}

export async function neighbourhood(
  scope: Parameters<typeof buildApp>[0],
  settings: Settings = {},
): Promise<Neighbourhood> {
  const app = await buildApp(scope, {
    ...HOSTILE_SETTINGS,
    SANDBOX_THREADS: THREADS,
    CONCURRENCY: THREADS,
    ...settings,
  })
  const neighbour = await upload(app, await guest('wasm-bindgen-100'))
  // Whatever time the others have, and however busy the machine is.
  await configure(app, neighbour, 'limits', { run_timeout_ms: 60_000 })
  const uploaded = new Map<HostileGuest, Uploaded>()
  const neighbourAnswers = async (): Promise<void> => {
    assert.equal(await textOf(app, neighbour, 'say', ['you']), 'hello you')
  }
  return {
    app,
    async hostile(one) {
      const present = uploaded.get(one) ?? (await upload(app, await one.wasm()))
      uploaded.set(one, present)
      return present
    },
    neighbourAnswers,
    async isWhole() {
      await until(app, ({ running, queued }) => running + queued === 0)
      await Promise.all(Array.from({ length: 2 * THREADS }, neighbourAnswers))
      const health = await app.request('/healthz')
      assert.deepEqual(await health.json(), { status: 'ok' })
    },
  }
}

export async function post(here: Neighbourhood, wasm: Buffer): Promise<Response> {
  return here.app.request('/api/executables', { method: 'POST', body: wasm })
}

/** Uploads while the neighbour is called, and asserts that all is well afterwards. */
export async function uploadBeside(here: Neighbourhood, wasm: Buffer): Promise<Response> {
  const uploading = post(here, wasm)
  await here.neighbourAnswers()
  const response = await uploading
  await here.isWhole()
  return response
}

/** Asserts status, code and details, and that the run's record says the same. */
export async function endsAs(app: TestApp, response: Response, expected: Expected): Promise<void> {
  const text = await response.text()
  assert.equal(differs(expected, response.status, text), undefined)
  const run = response.headers.get('wasmhook-run')
  const record = (await (await app.request(`/api/runs/${run}`)).json()) as Record<string, unknown>
  const { code = null } = expected
  assert.deepEqual([record.status, record.code], [code === null ? 'succeeded' : 'failed', code])
  if (code === null) return
  const answer = JSON.parse(text) as ErrorAnswer
  assert.equal(typeof answer.error, 'string')
  assert.equal(answer.run_id, run)
}

/** @param atOnce calls of each row, so that more than one slot is in use when they fail */
export function testTopic(topic: HostileGuest['topic'], settings: Settings = {}, atOnce = 2): void {
  describe('a guest', () => {
    const scope = suiteScope()
    let here: Neighbourhood
    before(async () => {
      here = await neighbourhood(scope, settings)
    })
    for (const one of HOSTILE_GUESTS.filter((each) => each.topic === topic)) {
      for (const [does, fn, expected, inputs = []] of one.calls) {
        const gets = expected.code ?? 'what it computed'
        test(`that ${does} gets ${expected.status} ${gets}, and nobody else is touched`, async () => {
          const { app } = here
          const hostile = await here.hostile(one)
          const calls = Array.from({ length: atOnce }, () => callWith(app, hostile, fn, inputs))
          await here.neighbourAnswers()
          for (const response of await Promise.all(calls)) await endsAs(app, response, expected)
          await here.isWhole()
        })
      }
    }
  })
}
