// Written pages alone are wiped where nothing can be swapped, and everything is once something can.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLimits } from '../src/core/limits.ts'
import { loadConfig } from '../src/config.ts'
import { createCompiler } from '../src/sandbox/compiler.ts'
import { native } from '../src/sandbox/native.ts'
import { createRuntimes } from '../src/sandbox/runtimes.ts'
import { createSwap } from '../src/sandbox/swap.ts'
import { guest } from './helpers/guests.ts'

const HEADINGS = 'Filename\tType\tSize\tUsed\tPriority\n'
const A_SWAP = `${HEADINGS}/dev/sda2\tpartition\t8388604\t0\t-2\n`
const UNLIMITED = '9223372036854771712'

/** What the kernel would tell, in a folder of the test's own. */
async function kernel(t: TestContext, files: Readonly<Record<string, string>>) {
  const root = await mkdtemp(path.join(tmpdir(), 'wasmhook-swap-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const write = async (name: string, text: string): Promise<void> => {
    const file = path.join(root, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  return { write, procRoot: path.join(root, 'proc'), cgroupRoot: path.join(root, 'cgroup') }
}

const CASES: readonly (readonly [string, boolean, boolean, Readonly<Record<string, string>>])[] = [
  ['no swap, and the operator says so', true, true, { 'proc/swaps': HEADINGS }],
  ['no swap now, and nobody promises', false, false, { 'proc/swaps': HEADINGS }],
  ['swap, whatever the operator says', true, false, { 'proc/swaps': A_SWAP }],
  ['a kernel that does not tell', true, false, {}],
  [
    'a group (v2) that may not swap',
    false,
    true,
    {
      'proc/swaps': HEADINGS,
      'proc/self/cgroup': '0::/a/b\n',
      'cgroup/a/b/memory.swap.max': '0\n',
    },
  ],
  [
    'a group (v2) inside one that may not swap',
    false,
    true,
    {
      'proc/swaps': HEADINGS,
      'proc/self/cgroup': '0::/a/b\n',
      'cgroup/a/memory.swap.max': '0\n',
      'cgroup/a/b/memory.swap.max': 'max\n',
    },
  ],
  [
    'a group (v2) that may swap',
    false,
    false,
    {
      'proc/swaps': HEADINGS,
      'proc/self/cgroup': '0::/a\n',
      'cgroup/a/memory.swap.max': 'max\n',
    },
  ],
  [
    'a group (v1) whose memory and swap are together what its memory is',
    false,
    true,
    {
      'proc/swaps': HEADINGS,
      'proc/self/cgroup': '5:cpu:/a\n4:memory:/a\n',
      'cgroup/memory/a/memory.limit_in_bytes': '1073741824\n',
      'cgroup/memory/a/memory.memsw.limit_in_bytes': '1073741824\n',
    },
  ],
  [
    'a group (v1) without any limit',
    false,
    false,
    {
      'proc/swaps': HEADINGS,
      'proc/self/cgroup': '4:memory:/a\n',
      'cgroup/memory/a/memory.limit_in_bytes': `${UNLIMITED}\n`,
      'cgroup/memory/a/memory.memsw.limit_in_bytes': `${UNLIMITED}\n`,
    },
  ],
]

for (const [name, swapOff, impossible, files] of CASES) {
  test(`${name}: swapping is ${impossible ? 'impossible' : 'possible'}`, async (t) => {
    const { procRoot, cgroupRoot } = await kernel(t, files)
    const swap = createSwap({ swapOff, procRoot, cgroupRoot })
    assert.equal(swap.isImpossible(), impossible)
  })
}

test('when swap appears calls begin without the scan, and those under way end where they began', async (t) => {
  const { write, procRoot, cgroupRoot } = await kernel(t, { 'proc/swaps': HEADINGS })
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-swap-'))
  const settings = { memoryMaxBytes: 1 << 20, tableMaxElements: 100, stackBytes: 512 * 1024 }
  const compiler = await createCompiler({
    dataDir,
    stackBytes: settings.stackBytes,
    memoryBytesMax: settings.memoryMaxBytes,
    tableElementsMax: settings.tableMaxElements,
    compileTimeoutMs: 60_000,
    compileMemoryBytes: 2 ** 30,
    compileQueueLength: 1,
    onCompiled: () => undefined,
  })
  const ended: (() => void)[] = []
  const runtimes = createRuntimes({
    settings: { ...settings, threads: 1 },
    compiler,
    swap: createSwap({ swapOff: true, procRoot, cgroupRoot }),
    onOutcomes: () => ended.splice(0).forEach((tell) => tell()),
  })
  t.after(async () => {
    await runtimes.close()
    await compiler.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const wasm = await guest('raw-numbers')
  const compiled = await compiler.compile(wasm, {})
  const module = { ...compiled, metered: false, readWasm: () => Promise.resolve(wasm) }
  const profile = new native.Profile({
    ...createLimits(loadConfig({})).defaults,
    group: 1,
    types: {},
    variables: [],
  })
  const first = runtimes.current()
  assert.equal(first.sandbox.stats().pagemapScan, true)
  const handle = await first.modules.load(module)

  await write('proc/swaps', A_SWAP)
  first.users++
  runtimes.check()
  const second = runtimes.current()
  assert.notEqual(second, first)
  assert.equal(second.sandbox.stats().pagemapScan, false)
  for (const [runtime, place] of [
    [first, handle],
    [second, await second.modules.load(module)],
  ] as const) {
    const outcome = new Promise<void>((resolve) => ended.push(resolve))
    runtime.sandbox.call(1, place, profile, 'answer', true, [])
    runtime.sandbox.begin()
    await outcome
  }

  first.users--
  runtimes.check()
  assert.throws(() => {
    first.sandbox.call(2, -1, profile, 'answer', true, [])
  })
  assert.equal(runtimes.current(), second)
})
