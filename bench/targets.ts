// What the figures are held against, all in one place. A figure names its target by key.

export interface Target {
  /** What is compared, as the table says it. */
  figure: string
  most: number
  unit: string
}

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
} as const satisfies Record<string, Target>

export type TargetKey = keyof typeof TARGETS
