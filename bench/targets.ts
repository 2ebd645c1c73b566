// What the figures are held against, all in one place. A figure names its target by key.

/** A figure reaches its target at `most` or below, or at `least` or above. */
export type Target = {
  /** What is compared, as the table says it. */
  figure: string
  unit: string
} & ({ most: number } | { least: number })

/** "times" is a ratio; CPU is user and system time of the serving process for each request. */
export const TARGETS = {
  'hello/echo': { figure: 'hello, fresh instance: CPU / bare Fastify route', most: 1.7, unit: '×' },
  'hello/serve': { figure: 'hello, fresh instance: CPU / wasmtime serve', most: 0.4, unit: '×' },
  'hello/node': {
    figure: "hello, fresh instance: CPU / Node's WebAssembly, fresh instance",
    most: 0.2,
    unit: '×',
  },
  'reuse/echo': { figure: 'hello with reuse: CPU / bare Fastify route', most: 1.3, unit: '×' },
  'compute/native': { figure: 'compute: CPU / the same Rust, native', most: 1.3, unit: '×' },
  'mix/p99': { figure: "mix: hellos' p99 / alone", most: 5, unit: '×' },
  // Flat is what noise allows: the last hundred may take a quarter longer than the first.
  'thousand/load': {
    figure: '1,000 functions: load time, last 100 / first 100',
    most: 1.25,
    unit: '×',
  },
  'thousand/memory': {
    figure: '1,000 functions: memory of an idle one beyond its artefact',
    most: 300,
    unit: 'kB',
  },
  'burst/memory': { figure: 'burst of 50,000 calls: memory after / before', most: 1.1, unit: '×' },
  // Flat, as far as V8's heap grows and shrinks on its own.
  'soak/memory': { figure: 'soak: resident memory, last fifth / first', most: 1.1, unit: '×' },
  'soak/descriptors': {
    figure: 'soak: file descriptors, last fifth / first',
    most: 1.05,
    unit: '×',
  },
  'deliveries/accept': { figure: 'durable runs at 200/s: p95 to the 202', most: 5, unit: 'ms' },
  'deliveries/arrive': { figure: 'durable runs at 200/s: p95 to the target', most: 50, unit: 'ms' },
  // What the pace of 2,000 a second leaves after the first and the last item's own time.
  'deliveries/sustained': {
    figure: 'durable runs at 2,000/s: delivered',
    least: 1_960,
    unit: '/s',
  },
  'neighbours/p99': {
    figure: "one dead and one slow target of twenty: the others' p99 / all healthy",
    most: 1.1,
    unit: '×',
  },
  'fanout/committed': {
    figure: 'one message to 1,000 endpoints: until it is committed',
    most: 100,
    unit: 'ms',
  },
  'fanout/memory': {
    figure: '10,000 messages to 10 endpoints: resident memory, last third / first',
    most: 1.1,
    unit: '×',
  },
  'console/shown': {
    figure: 'a page of the console beside 100,000 runs and deliveries: shown in',
    most: 1_000,
    unit: 'ms',
  },
  'console/memory': {
    figure: 'a page of the console beside 100,000 runs and deliveries: memory',
    most: 100,
    unit: 'MB',
  },
  'history/page': { figure: 'a page of 1,000,000 deliveries: p95', most: 50, unit: 'ms' },
} as const satisfies Record<string, Target>

export type TargetKey = keyof typeof TARGETS

export function reached(target: Target, value: number): boolean {
  return 'most' in target ? value <= target.most : value >= target.least
}
