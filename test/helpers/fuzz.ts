// Claims that hold for every value: a bounded number of cases with the other tests, and as many as a
// time allows under `npm run fuzz -- TARGET SECONDS [SEED]`. A finding names the seed that repeats it.
import fc from 'fast-check'
import { after, test } from 'node:test'

/** What is shown of a counterexample. */
const REPORT_CHARS = 4_000

export type Property = fc.IRawProperty<unknown>

export interface Target {
  name: string
  /** Cases of one seed. A bounded run takes one seed, a long one as many as its time allows. */
  cases: number
  claims: Readonly<Record<string, Property>>
}

/** Registers a test for each claim. In a long run they share the time. */
export function fuzz({ name, cases, claims }: Target): void {
  const first = readNumber('WASMHOOK_FUZZ_SEED') ?? 1
  const seconds = readNumber('WASMHOOK_FUZZ_SECONDS')
  const shareMs = ((seconds ?? 0) * 1000) / Object.keys(claims).length
  const started = performance.now()
  let executions = 0

  for (const [claim, property] of Object.entries(claims)) {
    test(claim, async () => {
      const until = performance.now() + shareMs
      let seed = first
      do {
        const details = await fc.check(property, { seed, numRuns: cases })
        executions += details.numRuns
        if (details.failed) {
          const again = `Again: npm run fuzz -- ${name} 0 ${seed}`
          const report = fc.defaultReportMessage(details)
          throw new Error(`${again}\n${report.slice(0, REPORT_CHARS)}`, {
            cause: details.errorInstance,
          })
        }
        seed++
      } while (performance.now() < until)
    })
  }

  after(() => {
    const spent = Math.round((performance.now() - started) / 1000)
    console.log(`${name}: ${executions} executions from seed ${first} in ${spent} s`)
  })
}

function readNumber(name: string): number | undefined {
  const text = process.env[name]
  return text === undefined ? undefined : Number(text)
}

/** Bytes of any values. */
export function anyBytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
}
