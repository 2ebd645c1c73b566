// What becomes of the work of several processes when one of them dies.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { call, upload } from './helpers/client.ts'
import { WORKERS, eventually, isAlive, startCrew } from './helpers/crew.ts'
import type { Crew } from './helpers/crew.ts'
import { accept, ended, readRun } from './helpers/durable-runs.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { parseMetrics, valueOf } from './helpers/prometheus.ts'

async function folder(t: TestContext): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-workers-kill-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

/** Nothing that a dead process held comes back by the clock. */
const NO_EXPIRY = { DELIVERY_LEASE_MS: '3600000' }

async function read(crew: Crew, name: string, labels = {}): Promise<number> {
  return valueOf(parseMetrics(await (await crew.request('/metrics')).text()), name, labels)
}

const succeeded = (crew: Crew): Promise<number> =>
  read(crew, 'wasmhook_runs_total', { status: 'succeeded' })

/** One worker after the other, each once all are there again, until it was the one that was meant. */
async function killUntil(crew: Crew, met: () => Promise<boolean>): Promise<number[]> {
  const killed: number[] = []
  for (const pid of await crew.workers()) {
    process.kill(pid, 'SIGKILL')
    killed.push(pid)
    await eventually(() => !isAlive(pid))
    if (await met()) return killed
    await eventually(async () => (await read(crew, 'wasmhook_processes')) === WORKERS + 1)
  }
  return assert.fail('none was meant')
}

test('a worker that is killed is replaced, and what it ran is run by another at once', async (t) => {
  const crew = await startCrew(t, await folder(t), NO_EXPIRY)
  const one = await upload(crew, await guest('echo'))
  const counter = await upload(crew, await guest('counter'))
  for (let n = 0; n < 2 * WORKERS; n++)
    assert.equal((await call(crew, counter, 'count')).status, 200)
  const earlier = await succeeded(crew)
  let asked = 0
  let cut = 0
  const upstream = await httpService(t, (_request, reply) => {
    asked++
    reply.on('close', () => cut++)
    // The first asks in vain: its process dies meanwhile.
    if (asked > 1) reply.end('late')
  })
  const id = await accept(crew, one, 'echo', { headers: { SSVM_Fetch: upstream.origin } })
  await eventually(() => asked === 1)
  const killed = await killUntil(crew, async () => {
    // Another answers: by then the one that was asked knows that nobody waits for it any more.
    assert.equal((await call(crew, counter, 'count')).status, 200)
    return cut > 0
  })
  assert.equal((await ended(crew, id)).status, 'succeeded')
  assert.equal(asked, 2)
  await eventually(async () => {
    const now = await crew.workers()
    return now.length === WORKERS && killed.every((pid) => !now.includes(pid))
  })
  // Counters that fell would look to a monitoring system as if they had begun anew.
  assert.ok((await succeeded(crew)) > earlier)
  const statuses = Array.from({ length: 3 * WORKERS }, async () => {
    const response = await call(crew, counter, 'count')
    return [response.status, await response.text()]
  })
  for (const answer of await Promise.all(statuses)) assert.deepEqual(answer, [200, '[1,1,1]'])
})

test('a turn that a killed worker had is somebody else’s', async (t) => {
  const crew = await startCrew(t, await folder(t), {
    ...NO_EXPIRY,
    QUEUE_WAIT_MS: '60000',
    RUN_TIMEOUT_MS: '300000',
  })
  const one = await upload(crew, await guest('storage'))
  const increment = async (): Promise<number> =>
    Number(await (await call(crew, one, 'increment')).text())
  assert.equal(await increment(), 1)
  // It keeps its turn until it is ended.
  const over = new AbortController()
  const spinning = call(crew, one, 'increment_and_spin').then(
    () => assert.fail('it was answered'),
    () => over.abort(),
  )
  await eventually(async () => (await read(crew, 'wasmhook_sandbox_running_calls')) === 1)
  // What waits at a process that dies is lost with it; the others get the turn.
  const queued = Promise.allSettled(Array.from({ length: WORKERS }, increment))
  await killUntil(crew, async () => {
    // Another answers: by then whoever was cut off knows.
    assert.equal((await call(crew, one, 'read')).status, 200)
    return over.signal.aborted
  })
  await spinning
  const answers = (await queued).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const kept = Number(await (await call(crew, one, 'read')).text())
  assert.equal(kept, 1 + answers.length)
  assert.equal(await increment(), kept + 1)
})

test('with the primary all end, and the next start runs and delivers what was accepted', async (t) => {
  const dataDir = await folder(t)
  const crew = await startCrew(t, dataDir, NO_EXPIRY)
  const one = await upload(crew, await guest('echo'))
  let down = true
  const target = await httpService(t, (_request, reply) => {
    // While it is down it answers nobody.
    if (!down) reply.end()
  })
  const bodies = Array.from({ length: 10 * WORKERS }, (_, n) => `result ${n}`)
  const ids = await Promise.all(
    bodies.map((body) =>
      accept(crew, one, 'echo', { body, headers: { SSVM_Callback: target.origin } }),
    ),
  )
  await eventually(() => target.received.length > 0)
  const workers = await crew.workers()
  assert.equal(workers.length, WORKERS)
  const exit = once(crew.child, 'exit')
  crew.child.kill('SIGKILL')
  await exit
  await eventually(() => !workers.some(isAlive))

  down = false
  const before = target.received.length
  const again = await startCrew(t, dataDir, NO_EXPIRY)
  for (const id of ids) assert.equal((await ended(again, id)).status, 'succeeded')
  const arrived = (): Set<string> =>
    new Set(target.received.slice(before).map(({ body }) => body.toString()))
  await eventually(() => arrived().size === bodies.length)
  for (const id of ids) assert.equal((await readRun(again, id)).delivery_ids.length, 1)
})
