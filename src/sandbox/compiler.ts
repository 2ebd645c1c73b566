// Compiles modules in a child process of low priority, one at a time, and keeps the compiled forms.
// They are a cache that can be rebuilt at any time: DATA_DIR/modules/<compatibility>/<sha256>.cwasm, and
// <sha256>.metered.cwasm for the form that counts its work as fuel; each with a record beside it (the
// interface found, its own hash), so that the same bytes are compiled once.
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AppError, isErrorCode } from '../errors.ts'
import type { ErrorDetail } from '../errors.ts'
import type { ModuleInterface } from '../model.ts'
import { compilerPath, native } from './native.ts'

export interface CompilerOptions {
  dataDir: string
  compileTimeoutMs: number
  compileMemoryBytes: number
  /** Uploads that wait for the one compiler. */
  compileQueueLength: number
  memoryBytesMax: number
  tableElementsMax: number
  stackBytes: number
  /**
   * Where other processes use the same cache: one of them compiles at a time, and the one that is first
   * clears the cache.
   */
  among?: { first: boolean; inTurn: <T>(work: () => Promise<T>) => Promise<T> }
  /** Each compilation as it ends, and how long it took; `error` where it did not succeed. */
  onCompiled: (ms: number, error?: AppError) => void
}

export interface Compiled {
  sha256: string
  interface: ModuleInterface
}

export interface CompileOptions {
  signal?: AbortSignal
  /** Which form to make: true for the one that counts its work as fuel. */
  metered?: boolean
  /** Compile even where a compiled form lies in the cache (it turned out unusable). */
  force?: boolean
}

export interface Artefact {
  path: string
  /** JSON, as this version of the compiler found it, which a stored one need not be. */
  interfaceJson: string
}

export interface Compiler {
  /**
   * @throws AppError of the upload; CANCELED where the signal aborted before its turn came; QUEUE_FULL
   */
  compile(wasm: Buffer, options: CompileOptions): Promise<Compiled>
  /** The compiled form, where it lies in the cache as it was made. */
  find(sha256: string, metered: boolean): Promise<Artefact | undefined>
  /** Hashes of the modules of which a compiled form lies in the cache. */
  list(): Promise<string[]>
  /** Both forms. */
  remove(sha256: string): Promise<void>
  stats(): CompilerStats
  close(): Promise<void>
}

/** Modules that wait for the compiler, and that it has in hand: one or none. */
export interface CompilerStats {
  queued: number
  running: number
}

/** A compilation in the queue; what it compiles is let go when its caller leaves. */
interface Job {
  forced: boolean
  run(): Promise<void>
}

/** The name of one of a module's two compiled forms. */
export function formName(sha256: string, metered: boolean): string {
  return metered ? `${sha256}.metered` : sha256
}

/** The names of both. */
export function formNames(sha256: string): string[] {
  return [formName(sha256, false), formName(sha256, true)]
}

/** More than any interface of a module within the compiler's own limits needs. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
/** Its own limit counts CPU time; at low priority, beside a busy server, that takes longer by the clock. */
const WALL_FACTOR = 3
/** The compiler needs one path from the environment and nothing else. */
const CHILD_ENV = { PATH: '/usr/bin:/bin' }

export async function createCompiler(options: CompilerOptions): Promise<Compiler> {
  const { first, inTurn } = options.among ?? { first: true, inTurn: (work) => work() }
  const folder = await openCache(path.join(options.dataDir, 'modules'), first)
  const closing = new AbortController()
  const queue: Job[] = []
  /** Resolves when the queue is empty; undefined while nobody compiles. */
  let working: Promise<void> | undefined

  const artefactPath = (form: string): string => path.join(folder, `${form}.cwasm`)
  const recordPath = (form: string): string => path.join(folder, `${form}.record`)

  async function compileNow(
    wasm: Buffer,
    { force, metered }: { force: boolean; metered: boolean },
  ): Promise<Compiled> {
    if (closing.signal.aborted) throw new AppError('CLOSED')
    const sha256 = createHash('sha256').update(wasm).digest('hex')
    const form = formName(sha256, metered)
    const known = force ? undefined : await readInterface(recordPath(form))
    if (known !== undefined) return { sha256, interface: known }
    const temporary = path.join(folder, `tmp-${randomUUID()}`)
    try {
      await writeFile(`${temporary}.wasm`, wasm, { mode: 0o600 })
      const found = await runCompiler(
        { source: `${temporary}.wasm`, target: artefactPath(form), metered },
        options,
        closing.signal,
      )
      const record = `${await hashFile(artefactPath(form))}\n${JSON.stringify(found)}`
      // The record is written last: where it lies, the compiled form lies too.
      await writeFile(`${temporary}.record`, record, { mode: 0o600 })
      await rename(`${temporary}.record`, recordPath(form))
      return { sha256, interface: found }
    } finally {
      await rm(`${temporary}.wasm`, { force: true })
      await rm(`${temporary}.record`, { force: true })
    }
  }

  /** One at a time: a second compiler would take the other core from serving. */
  async function work(): Promise<void> {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job.run()
    working = undefined
  }

  return {
    async find(sha256, metered) {
      const form = formName(sha256, metered)
      const record = await readRecord(recordPath(form))
      const made = await hashFile(artefactPath(form)).catch(() => undefined)
      if (made === undefined || made !== record?.artefactSha256) return undefined
      return { path: artefactPath(form), interfaceJson: record.interfaceJson }
    },
    compile(wasm, { signal, force = false, metered = false }) {
      if (signal?.aborted === true) return Promise.reject(new AppError('CANCELED'))
      // Forced ones are of modules that were accepted before: at most one a module and form, and no reason
      // to refuse an upload.
      const uploads = queue.filter((job) => !job.forced).length
      if (working !== undefined && uploads >= options.compileQueueLength && !force) {
        const full = new AppError('QUEUE_FULL', 'Too many uploads wait to be compiled.')
        return Promise.reject(full)
      }
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          queue.splice(queue.indexOf(job), 1)
          reject(new AppError('CANCELED'))
        }
        const job: Job = {
          forced: force,
          async run() {
            signal?.removeEventListener('abort', leave)
            await inTurn(() => compileNow(wasm, { force, metered })).then(resolve, reject)
          },
        }
        signal?.addEventListener('abort', leave, { once: true })
        queue.push(job)
        working ??= work()
      })
    },
    async list() {
      const names = await readdir(folder)
      const made = names.filter((name) => name.endsWith('.cwasm'))
      return [...new Set(made.map((name) => name.slice(0, name.indexOf('.'))))]
    },
    async remove(sha256) {
      for (const form of formNames(sha256)) {
        await rm(recordPath(form), { force: true })
        await rm(artefactPath(form), { force: true })
      }
    },
    stats: () => ({ queued: queue.length, running: working === undefined ? 0 : 1 }),
    async close() {
      closing.abort()
      await working
    },
  }
}

/** The first clears away what a crash or another version of the runtime left; only one server uses the folder. */
async function openCache(modules: string, first: boolean): Promise<string> {
  const compatibility = native.compatibilityHash()
  const folder = path.join(modules, compatibility)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (!first) return folder
  for (const name of await readdir(modules)) {
    if (name !== compatibility) await rm(path.join(modules, name), { recursive: true, force: true })
  }
  for (const name of await readdir(folder)) {
    if (!/^[0-9a-f]{64}(\.metered)?\.(cwasm|record)$/.test(name))
      await rm(path.join(folder, name), { force: true })
  }
  return folder
}

/** What lies beside a compiled form: a line with its hash, and the interface, which loading never parses. */
interface ArtefactRecord {
  /** Damaged machine code would not fail to load; it would run. */
  artefactSha256: string
  interfaceJson: string
}

async function readRecord(file: string): Promise<ArtefactRecord | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const end = text.indexOf('\n')
  if (end < 0) return undefined
  return { artefactSha256: text.slice(0, end), interfaceJson: text.slice(end + 1) }
}

async function readInterface(file: string): Promise<ModuleInterface | undefined> {
  try {
    return JSON.parse((await readRecord(file))?.interfaceJson ?? '') as ModuleInterface
  } catch {
    return undefined
  }
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function runCompiler(
  { source, target, metered }: { source: string; target: string; metered: boolean },
  options: CompilerOptions,
  signal: AbortSignal,
): Promise<ModuleInterface> {
  const args = [
    source,
    target,
    ...['--timeout-ms', String(options.compileTimeoutMs)],
    ...['--memory-bytes', String(options.compileMemoryBytes)],
    ...['--memory-max', String(options.memoryBytesMax)],
    ...['--table-max', String(options.tableElementsMax)],
    ...['--stack-bytes', String(options.stackBytes)],
    ...(metered ? ['--metered'] : []),
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(compilerPath, args, {
      env: CHILD_ENV,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: WALL_FACTOR * options.compileTimeoutMs,
      killSignal: 'SIGKILL',
      signal,
    })
    const begun = performance.now()
    const chunks: Buffer[] = []
    let size = 0
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > ANSWER_BYTES_MAX) child.kill('SIGKILL')
      else chunks.push(chunk)
    })
    child.once('error', (cause) => {
      const stopped = signal.aborted
      reject(new AppError(stopped ? 'CLOSED' : 'INTERNAL', undefined, { cause }))
    })
    child.once('close', (exitCode, killedBy) => {
      const answer = readAnswer(Buffer.concat(chunks).toString('utf8'), { exitCode, killedBy })
      const refusal = answer instanceof AppError ? answer : undefined
      options.onCompiled(performance.now() - begun, refusal)
      if (answer instanceof AppError) reject(answer)
      else resolve(answer)
    })
  })
}

function readAnswer(
  text: string,
  ended: { exitCode: number | null; killedBy: string | null },
): ModuleInterface | AppError {
  let answer: Answer
  try {
    answer = JSON.parse(text) as Answer
  } catch (cause) {
    // Without an answer it was ended: by a limit (a signal), or by a fault of its own.
    if (ended.killedBy === null) {
      return new AppError(
        'INTERNAL',
        `The compiler failed with exit code ${ended.exitCode ?? 0}.`,
        {
          cause,
        },
      )
    }
    return new AppError('MODULE_TOO_COMPLEX', undefined, { detail: { ended_by: ended.killedBy } })
  }
  if (answer.ok) return answer.interface
  const code = isErrorCode(answer.code) ? answer.code : 'INTERNAL'
  return new AppError(code, answer.message, { detail: answer.detail ?? {}, cause: answer.cause })
}

type Answer =
  | { ok: true; interface: ModuleInterface }
  | { ok: false; code: string; message: string; detail: ErrorDetail | null; cause?: string | null }
