// One crash run on one engine: servers start, clients hand over work, kills come; then the receiver behaves, what
// waits is let end, and the accounts are compared.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { upload } from '../helpers/client.ts'
import type { Caller } from '../helpers/client.ts'
import { example, guest } from '../helpers/guests.ts'
import { audit, readDatabase } from './audit.ts'
import type { Accounts, Claim } from './audit.ts'
import { createChance } from './chance.ts'
import { smallDiskEngine, sqliteEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { freePort } from './free-port.ts'
import { startLoad } from './load.ts'
import type { Place } from './load.ts'
import type { CrashOptions, EngineName } from './options.ts'
import { postgresEngine } from './postgres-engine.ts'
import { startReceiver } from './receiver-process.ts'
import { createServer } from './server.ts'
import type { CrashServer } from './server.ts'
import { besiege, countOpen, disturbBirth, newSiege } from './siege.ts'

export interface Outcome {
  engine: string
  processes: number
  seconds: number
  /** From the end of the load until nothing waited. */
  settledSeconds: number
  accounts: Accounts
  claims: Claim[]
  heldUpMs: number
  refusals: number
  databaseBytes: number
  /** What servers logged as errors, each with how often. */
  logged: Map<string, number>
}

const BIRTH_KILLS = 2
/** What the servers have until nothing waits any more. */
const SETTLE_MS = 180_000

const SETTINGS = {
  OUTBOUND_ALLOW: '127.0.0.0/8',
  DELIVERY_LEASE_MS: '3000',
  DELIVERY_POLL_MS: '200',
  // Targets that ask for less are left alone for a while, not for the rest of the run.
  RETRY_AFTER_MS_MAX: '2000',
  // So that kills also come while a server drains.
  DRAIN_MS: '2000',
  // The audit wants to see every one.
  RUNS_KEPT: '10000000',
  SANDBOX_THREADS: '8',
}

export async function crash(
  name: EngineName,
  options: CrashOptions,
  note: (line: string) => void,
): Promise<Outcome> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-crash-'))
  const engine = await openEngine(name, folder)
  const receiver = await startReceiver(options.seed)
  const servers: CrashServer[] = []
  for (let n = 0; n < engine.processes; n++) {
    const env = { ...SETTINGS, ...engine.env(n) }
    servers.push(createServer(await freePort(), env, path.join(folder, `server-${n}.log`)))
  }
  let whole = false
  try {
    const begun = performance.now()
    const chance = createChance(options.seed)
    const siege = newSiege()
    const shareMs = (options.minutes * 60_000) / options.engines.length
    const plan = {
      engine,
      servers,
      chance: chance.fork('kills'),
      kills: options.kills,
      untilMs: Date.now() + shareMs,
      onKill: (kills: number) => kills % 10 === 0 && note(`${engine.name}: ${kills} kills`),
    }
    await disturbBirth(siege, plan, BIRTH_KILLS)
    await startAll(servers)
    const place: Place = {
      origins: servers.map(({ origin }) => origin),
      targets: receiver.targets,
      upstream: receiver.upstream,
      executables: await uploadAll(servers[0]!.origin),
    }
    const load = startLoad(place, chance.fork('load'), options.clients)
    await besiege(siege, load, plan)
    await startAll(servers)
    await load.stop()
    receiver.behave()
    const settling = performance.now()
    await settle(engine, note)
    const settledSeconds = (performance.now() - settling) / 1000
    const deaths = await stopAll(servers)
    const { arrivals, heldUpMs, refusals } = await receiver.report()
    const accounts = {
      ledger: load.ledger,
      arrivals,
      siege,
      deaths,
      ...(await readDatabase(engine)),
    }
    const claims = audit(accounts)
    whole = claims.every(({ violations }) => violations.length === 0)
    return {
      engine: engine.name,
      processes: engine.processes,
      seconds: (performance.now() - begun) / 1000,
      settledSeconds,
      accounts,
      claims,
      heldUpMs,
      refusals,
      databaseBytes: await engine.bytes(),
      logged: sum(servers.map(({ errors }) => errors)),
    }
  } finally {
    receiver.close()
    for (const server of servers) await server.kill()
    await engine.close()
    if (whole) await rm(folder, { recursive: true, force: true })
    else note(`${engine.name}: database and logs are kept in ${folder}`)
  }
}

async function openEngine(name: EngineName, folder: string): Promise<Engine> {
  if (name === 'sqlite') return sqliteEngine(folder)
  if (name === 'small-disk') return smallDiskEngine(folder)
  return postgresEngine(folder)
}

async function startAll(servers: readonly CrashServer[]): Promise<void> {
  for (const server of servers) if (!server.running()) server.start()
  await Promise.all(servers.map((server) => server.ready()))
}

async function uploadAll(origin: string): Promise<Place['executables']> {
  const caller: Caller = { request: (url, init) => fetch(origin + url, init) }
  return {
    echo: await upload(caller, await guest('echo')),
    say: await upload(caller, await example('hello')),
    trap: await upload(caller, await guest('misbehaves')),
  }
}

/** Waits until nothing waits or is under way; past its time, the audit tells what does. */
async function settle(engine: Engine, note: (line: string) => void): Promise<void> {
  const until = Date.now() + SETTLE_MS
  while (Date.now() < until) {
    if ((await countOpen(engine)) === 0) return
    await pause(200)
  }
  note(`${engine.name}: not everything ended within ${SETTLE_MS / 1000} s`)
}

/** Ends that nobody asked for, and stops that were not clean. */
async function stopAll(servers: readonly CrashServer[]): Promise<string[]> {
  for (const server of servers) server.stop()
  const codes = await Promise.all(servers.map((server) => server.ended()))
  return [
    ...servers.flatMap(({ deaths }) => deaths),
    ...codes.filter((code) => code !== 0).map((code) => `a stop ended with ${code}`),
  ]
}

function sum(counts: readonly Map<string, number>[]): Map<string, number> {
  const all = new Map<string, number>()
  for (const [what, times] of counts.flatMap((one) => [...one])) {
    all.set(what, (all.get(what) ?? 0) + times)
  }
  return all
}
