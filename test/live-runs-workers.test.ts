// Runs as they end in any of the processes of a server, whichever is asked.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { createLiveDesk } from '../src/cluster/live-desk.ts'
import { createLiveRuns } from '../src/core/live-runs.ts'
import type { LiveSiblings, Sampled } from '../src/core/live-runs.ts'
import type { RunRecord } from '../src/model.ts'
import { call, upload } from './helpers/client.ts'
import { WORKERS, eventually, startCrew } from './helpers/crew.ts'
import { guest } from './helpers/guests.ts'
import { watch } from './helpers/live-runs.ts'
import { newRun } from './storage-suite.ts'

test('whichever process is asked tells of the runs of all, also of one that was begun anew', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-live-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const crew = await startCrew(t, dataDir)
  const echo = await upload(crew, await guest('echo'))
  const other = await upload(crew, await guest('echo'))
  const query = `?wasm_id=${echo.id}`
  const watching = []
  for (let n = 0; n < WORKERS; n++) watching.push(await watch(t, crew, query, WORKERS))
  const ran = async (): Promise<string[]> => {
    const ids: string[] = []
    for (let n = 0; n < 2 * WORKERS; n++) {
      await call(crew, other, 'echo', { body: 'x' })
      const response = await call(crew, echo, 'echo', { body: 'x' })
      ids.push(response.headers.get('wasmhook-run') ?? '')
    }
    return ids.sort()
  }
  const ids = await ran()
  for (const { next } of watching) {
    const told: unknown[] = []
    while (told.length < ids.length) told.push((await next())?.data.run_id)
    assert.deepEqual(told.sort(), ids)
  }

  const before = await crew.workers()
  process.kill(before[0]!, 'SIGKILL')
  const anew = async () => (await crew.workers()).filter((pid) => !before.includes(pid))
  await eventually(async () => (await anew()).length === 1)
  // It is asked once it listens; the streams of the one that died are at their end.
  const alive = await watch(t, crew, query, WORKERS)
  const seen = new Set<unknown>()
  const fresh = new Set(await ran())
  while (seen.size < fresh.size) {
    const { data } = (await alive.next())!
    if (fresh.has(String(data.run_id))) seen.add(data.run_id)
  }
})

/** Processes as primary.ts joins them, in one. */
function joined(count: number) {
  const desk = createLiveDesk()
  const asked: (readonly string[])[][] = []
  const processes = Array.from({ length: count }, () => {
    const asks: (readonly string[])[] = []
    asked.push(asks)
    const place = desk.serve({
      tellRuns(filters) {
        asks.push(filters)
        live.tellSiblings(filters)
        return Promise.resolve()
      },
      runsHeard(ended) {
        live.heard(ended)
        return Promise.resolve()
      },
    })
    const siblings: LiveSiblings = {
      ask: (filters) => place.methods.watchRuns(filters),
      tell: (ended) => place.methods.runsEnded(ended),
    }
    const live = createLiveRuns(siblings)
    place.ready()
    return { live, place }
  })
  return { processes, asked }
}

test('of many that end in all processes 500 a second are told, and nobody is asked who need not tell', async () => {
  const { processes, asked } = joined(3)
  const [first, second, third] = processes.map(({ live }) => live)
  assert.deepEqual(asked, [[], [], []])
  const told: RunRecord[] = []
  const counts: Sampled[] = []
  const watcher = {
    filter: { executableId: 1 },
    runs: (records: readonly RunRecord[]) => told.push(...records) > 0,
    sampled: (one: Sampled) => void counts.push(one),
    end: () => undefined,
  }
  const stop = await first!.watch(watcher)
  const alike = await first!.watch({ ...watcher, runs: () => true, sampled: () => undefined })
  const filter = JSON.stringify(watcher.filter)
  assert.deepEqual(asked, [[], [[filter]], [[filter]]])
  const result = { type: 'text/plain', bytes: Buffer.alloc(9) }
  for (const live of [first, second, third]) {
    for (let n = 0; n < 600; n++) live!.told(newRun(1, { log: 'long', result }))
    live!.told(newRun(2))
  }
  while (counts.length === 0) await pause(50)
  assert.deepEqual(counts, [{ ended: 1_800, shown: 500 }])
  assert.equal(told.length, 500)
  assert.ok(told.every(({ log, result: kept }) => log === '' && kept === null))
  stop()
  assert.equal(asked[1]?.length, 1)
  alike()
  assert.deepEqual(asked, [[], [[filter], []], [[filter], []]])
  second!.told(newRun(1))
  await pause(250)
  assert.equal(told.length, 500)
})

test('a process that comes later is asked, and one that is gone is asked for nobody', async () => {
  const { processes, asked } = joined(2)
  const [watched, other] = processes
  const watcher = {
    filter: {},
    runs: () => true,
    sampled: () => undefined,
    end: () => undefined,
  }
  const stop = await watched!.live.watch(watcher)
  assert.deepEqual(asked[1], [['{}']])
  watched!.place.gone()
  assert.deepEqual(asked[1], [['{}'], []])
  const stopOther = await other!.live.watch(watcher)
  assert.deepEqual(asked[0], [])
  stop()
  stopOther()
})
