// 100,000 calls of hostile guests against one server, in random order, beside good calls that must all
// succeed, hostile uploads, and callers who hang up. What the process holds must stay flat: the last
// fifth of the samples is compared with the first fifth after warming up.
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { callWith } from '../../test/helpers/guest-calls.ts'
import { guest } from '../../test/helpers/guests.ts'
import { HOSTILE_GUESTS, HOSTILE_SETTINGS, differs } from '../../test/helpers/hostile-guests.ts'
import type { Row } from '../../test/helpers/hostile-guests.ts'
import { hugeFunction, manyFunctions } from '../../test/helpers/wasm-binary.ts'
import { descriptorsOf, memoryOf } from '../process-usage.ts'
import { percentile, spreadOf } from '../statistics.ts'
import type { Executable, Wasmhook } from '../wasmhook.ts'
import type { Figure, Workload } from '../workload.ts'

const CALLS = 100_000
const CALLS_QUICK = 4_000
/** Callers at once. Those of endless guests have lanes of their own, or all would stand behind them. */
const LANES = { hostile: 24, endless: 4, good: 8 }
/** Of hostile calls. The good ones have time enough on a machine that those keep busy. */
const RUN_TIMEOUT_MS = 1_000
const GOOD_LIMITS = { run_timeout_ms: 60_000, queue_wait_ms: 60_000 }
const SAMPLE_MS = 2_000
/** One in so many hostile callers hangs up, and one in so many sends an upload instead. */
const HANG_UPS = 200
const UPLOADS = 1_000
/** Of all calls, the part whose samples are not looked at: heaps and caches fill. */
const WARM_UP_SHARE = 0.2

interface Target {
  one: Executable
  row: Row
}

interface Sample {
  hostileCalls: number
  residentBytes: number
  anonymousBytes: number
  heapBytes: number
  memfdBytes: number
  descriptors: number
  threads: number
}

interface Tally {
  hostile: number
  endless: number
  good: number
  uploads: number
  hangUps: number
  /** Answers that were not what they should be. */
  wrong: string[]
  goodMs: number[]
}

export const soak: Workload = {
  name: 'soak',
  summary: '100,000 calls of hostile guests in random order, beside good calls that must succeed.',
  async run(bench) {
    const settings = { ...HOSTILE_SETTINGS, RUN_TIMEOUT_MS }
    const { server, note } = await bench.wasmhook(
      Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
    )
    const calls = bench.options.quick ? CALLS_QUICK : CALLS
    const targets = await uploadAll(server)
    const tally: Tally = {
      hostile: 0,
      endless: 0,
      good: 0,
      uploads: 0,
      hangUps: 0,
      wrong: [],
      goodMs: [],
    }
    const samples: Sample[] = []
    const over = new AbortController()
    const sampling = sample(server, tally, samples, over.signal, (told) => bench.progress(told))
    const beside = [
      ...lanes(LANES.endless, () => endless(server, targets, tally, over.signal)),
      ...lanes(LANES.good, () => good(server, tally, over.signal)),
    ]
    await Promise.all(lanes(LANES.hostile, (n) => hostile(server, targets, tally, calls, n)))
    over.abort()
    await Promise.all([...beside, sampling])
    return { measured: [], figures: figures(samples, tally, calls), notes: notes(tally, note) }
  },
}

async function uploadAll(server: Wasmhook): Promise<Record<'bounded' | 'endless', Target[]>> {
  const targets = { bounded: [] as Target[], endless: [] as Target[] }
  for (const { wasm, topic, calls } of HOSTILE_GUESTS) {
    const one = await server.upload(await wasm())
    const kind = topic === 'time' ? 'endless' : 'bounded'
    targets[kind].push(...calls.map((row) => ({ one, row })))
  }
  return targets
}

function lanes(count: number, lane: (n: number) => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, (_, n) => lane(n))
}

async function hostile(
  server: Wasmhook,
  { bounded }: { bounded: Target[] },
  tally: Tally,
  calls: number,
  seed: number,
): Promise<void> {
  const random = createRandom(seed)
  while (tally.hostile < calls) {
    const turn = ++tally.hostile
    if (turn % UPLOADS === 0) await hostileUpload(server, tally)
    else if (turn % HANG_UPS === 0) await hangUp(server, pick(bounded, random), tally)
    else await check(server, pick(bounded, random), tally)
  }
}

async function endless(
  server: Wasmhook,
  targets: { endless: Target[] },
  tally: Tally,
  over: AbortSignal,
): Promise<void> {
  const random = createRandom(LANES.hostile + tally.endless)
  while (!over.aborted) {
    tally.endless++
    await check(server, pick(targets.endless, random), tally)
  }
}

async function good(server: Wasmhook, tally: Tally, over: AbortSignal): Promise<void> {
  const one = await server.upload(await guest('wasm-bindgen-100'))
  await server.asOwner(one, 'PUT', `/api/executables/${one.id}/limits`, GOOD_LIMITS)
  while (!over.aborted) {
    const begun = performance.now()
    const answer = await callWith(asCaller(server), one, 'say', ['you'])
    const text = await answer.text()
    tally.good++
    tally.goodMs.push(performance.now() - begun)
    if (answer.status !== 200 || text !== 'hello you') tally.wrong.push(`good call: ${text}`)
  }
}

async function check(server: Wasmhook, { one, row }: Target, tally: Tally): Promise<void> {
  const [does, fn, expected, inputs = []] = row
  const answer = await callWith(asCaller(server), one, fn, inputs)
  const wrong = differs(expected, answer.status, await answer.text())
  if (wrong !== undefined) tally.wrong.push(`${does}: ${wrong}`)
}

/** Sends a call and leaves before it is answered. */
async function hangUp(server: Wasmhook, { one, row }: Target, tally: Tally): Promise<void> {
  const url = `${server.origin}/api/run/${one.id}/${row[1]}`
  const signal = AbortSignal.timeout(1)
  await fetch(url, { method: 'POST', signal }).then(
    (answer) => answer.arrayBuffer(),
    () => undefined,
  )
  tally.hangUps++
}

const UPLOADED = [
  () => manyFunctions(1, 100_000),
  () => hugeFunction(3_000_000),
  () => Buffer.from('\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f', 'latin1'),
  // As it is another one each time, it is compiled, called and forgotten.
  (turn: number) => manyFunctions(100 + turn, 1),
]

async function hostileUpload(server: Wasmhook, tally: Tally): Promise<void> {
  const turn = tally.uploads++
  const wasm = UPLOADED[turn % UPLOADED.length]?.(turn) ?? Buffer.alloc(0)
  const answer = await fetch(`${server.origin}/api/executables`, {
    method: 'POST',
    body: new Uint8Array(wasm),
  })
  const told = (await answer.json()) as { wasm_id?: number; SSVM_Admin_Key?: string }
  if (turn % UPLOADED.length !== UPLOADED.length - 1) {
    if (answer.status !== 400) tally.wrong.push(`an upload: ${answer.status}`)
    return
  }
  const one = { id: told.wasm_id ?? 0, adminKey: told.SSVM_Admin_Key ?? '' }
  const called = await callWith(asCaller(server), one, 'f0', [])
  await called.arrayBuffer()
  const gone = await fetch(`${server.origin}/api/executables/${one.id}`, {
    method: 'DELETE',
    headers: { SSVM_Admin_Key: one.adminKey },
  })
  await gone.arrayBuffer()
  if (!called.ok || !gone.ok) tally.wrong.push(`an executable: ${called.status}, ${gone.status}`)
}

/** What is asked of a server in its own process, as tests ask one in theirs. */
function asCaller({ origin }: Wasmhook): Parameters<typeof callWith>[0] {
  return { request: (path, init) => fetch(origin + path, init) }
}

/** What JavaScript's heap holds, as /metrics has it. */
async function heapBytes({ origin }: Wasmhook): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text()
  return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(text)?.[1] ?? 0)
}

async function sample(
  server: Wasmhook,
  tally: Tally,
  samples: Sample[],
  over: AbortSignal,
  progress: (sentence: string) => void,
): Promise<void> {
  while (!over.aborted) {
    const { pid } = server
    const { residentBytes, anonymousBytes, memfdBytes } = memoryOf(pid)
    samples.push({
      hostileCalls: tally.hostile,
      residentBytes,
      anonymousBytes,
      heapBytes: await heapBytes(server),
      memfdBytes,
      descriptors: descriptorsOf(pid),
      threads: readdirSync(`/proc/${pid}/task`).length,
    })
    if (samples.length % 10 === 0) {
      const MB = Math.round(residentBytes / 1e6)
      progress(`${tally.hostile} hostile and ${tally.good} good calls, ${MB} MB resident`)
    }
    await pause(SAMPLE_MS, undefined, { signal: over }).catch(() => undefined)
  }
}

function figures(samples: Sample[], tally: Tally, calls: number): Figure[] {
  const kept = samples.filter(({ hostileCalls }) => hostileCalls >= WARM_UP_SHARE * calls)
  const fifth = Math.max(1, Math.floor(kept.length / 5))
  const series = (name: keyof Sample, unit: number): Figure['value'] =>
    spreadOf(kept.map((each) => each[name] / unit))
  const growth = (name: keyof Sample): Figure['value'] => {
    const mean = (part: Sample[]): number =>
      part.reduce((sum, each) => sum + each[name], 0) / part.length
    return spreadOf([mean(kept.slice(-fifth)) / mean(kept.slice(0, fifth))])
  }
  const figure = (name: string, value: Figure['value'], unit: string): Figure => ({
    name,
    value,
    unit,
  })
  const one = (value: number): Figure['value'] => spreadOf([value])
  return [
    figure('hostile calls', one(tally.hostile + tally.endless), ''),
    figure('good calls beside them', one(tally.good), ''),
    figure('wrong answers', one(tally.wrong.length), ''),
    figure('p50 of the good calls', one(percentile(tally.goodMs, 0.5)), 'ms'),
    figure('p99 of the good calls', one(percentile(tally.goodMs, 0.99)), 'ms'),
    figure('resident memory', series('residentBytes', 1e6), 'MB'),
    {
      target: 'soak/memory',
      ...figure('resident memory, last fifth / first', growth('residentBytes'), '×'),
    },
    figure('anonymous memory (heaps, stacks, instances)', series('anonymousBytes', 1e6), 'MB'),
    figure('anonymous memory, last fifth / first', growth('anonymousBytes'), '×'),
    figure("JavaScript's heap", series('heapBytes', 1e6), 'MB'),
    figure('images of initial memories', series('memfdBytes', 1e6), 'MB'),
    figure('file descriptors', series('descriptors', 1), ''),
    {
      target: 'soak/descriptors',
      ...figure('file descriptors, last fifth / first', growth('descriptors'), '×'),
    },
    figure('threads', series('threads', 1), ''),
  ]
}

function notes(tally: Tally, sandbox: string): string[] {
  const { endless, hangUps, uploads, wrong } = tally
  return [
    `Of the hostile calls ${endless} had to be ended by their time limit of ${RUN_TIMEOUT_MS} ms; ` +
      `${hangUps} callers hung up, ${uploads} calls were hostile uploads (${sandbox}).`,
    ...wrong.slice(0, 10).map((told) => `Wrong: ${told.slice(0, 300)}`),
  ]
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] ?? from[0]!
}

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
