// Compares three accounts of one run: what clients were told, what the database says at the end, and what the
// receiver saw. Each claim yields its violations, with their evidence.
import type { Item } from './load.ts'
import type { Arrival } from './receiver.ts'
import { ATTEMPT_COLUMNS } from './siege.ts'
import type { AttemptRow, Siege } from './siege.ts'
import type { Engine } from './engine.ts'

export interface Claim {
  says: string
  /** How many cases it was held against, where that can be counted. */
  cases: number | undefined
  violations: string[]
}

export interface Accounts {
  ledger: readonly Item[]
  arrivals: readonly Arrival[]
  siege: Siege
  runs: Map<string, RunRow>
  deliveries: DeliveryRow[]
  attempts: Map<string, AttemptRow[]>
  /** Rows that still say that somebody works on them. */
  leftovers: string[]
  /** What the database found wrong with itself. */
  damage: string[]
  /** Servers that ended by themselves, or did not stop cleanly. */
  deaths: string[]
}

interface RunRow {
  id: string
  status: string
  error_code: string | null
  ended_at_ms: number | null
}

export interface DeliveryRow {
  id: string
  run_id: string
  state: string
  reason: string | null
  tries: number
  retry: string
  ended_at_ms: number | null
  due_at_ms: number | null
  lease_id: string | null
}

/** Reads what the database says. Servers are gone. */
export async function readDatabase(
  engine: Engine,
): Promise<Pick<Accounts, 'runs' | 'deliveries' | 'attempts' | 'leftovers' | 'damage'>> {
  const runs = await engine.rows<RunRow>('select id, status, error_code, ended_at_ms from runs')
  const deliveries = await engine.rows<DeliveryRow>(
    `select id, run_id, state, reason, tries, retry, ended_at_ms, due_at_ms, lease_id
     from deliveries`,
  )
  const attempts = new Map<string, AttemptRow[]>()
  for (const row of await engine.rows<AttemptRow>(
    `select ${ATTEMPT_COLUMNS} from attempts order by id`,
  )) {
    const others = attempts.get(row.delivery_id)
    if (others === undefined) attempts.set(row.delivery_id, [row])
    else others.push(row)
  }
  const queued = await engine.rows<{ id: string }>('select id from queued_runs')
  const inputs = await engine.rows<{ run_id: string }>('select run_id from queued_inputs')
  return {
    runs: new Map(runs.map((run) => [run.id, run])),
    deliveries,
    attempts,
    leftovers: [
      ...queued.map(({ id }) => `run ${id} still waits`),
      ...inputs.map(({ run_id: id }) => `inputs of run ${id} are left`),
      ...deliveries
        .filter(
          (row) => row.ended_at_ms === null || row.lease_id !== null || row.due_at_ms !== null,
        )
        .map(({ id, state }) => `delivery ${id} is ${state}`),
    ],
    damage: await engine.check(),
  }
}

/** Every claim of the crash run. */
export function audit(accounts: Accounts): Claim[] {
  const { ledger, arrivals, siege, runs, deliveries, attempts } = accounts
  const claims: Claim[] = []
  const byToken = groupBy(arrivals, ({ token }) => token)
  const byRun = groupBy(deliveries, (row) => row.run_id)
  const deliveryIds = new Map(deliveries.map((row) => [row.id, row]))
  const tokens = new Set(ledger.map(({ token }) => token))
  const seenOf = (token: string): readonly Arrival[] => byToken.get(token) ?? []
  const deliveryOf = ({ told }: Item): DeliveryRow | undefined => {
    if (told.as !== 'accepted') return undefined
    return told.deliveryId === null ? byRun.get(told.runId)?.[0] : deliveryIds.get(told.deliveryId)
  }

  function claim<T>(says: string, cases: Iterable<T>, wrong: (one: T) => string | undefined): void {
    const all = [...cases]
    const violations = all.map(wrong).filter((sentence) => sentence !== undefined)
    claims.push({ says, cases: all.length, violations })
  }

  const accepted = ledger.filter(({ told }) => told.as === 'accepted')
  const later = accepted.filter(({ kind }) => kind !== 'waited')

  claim('every accepted run has ended, a failed or canceled one with its reason', later, (item) => {
    const { runId } = item.told as { runId: string }
    const run = runs.get(runId)
    if (run === undefined) return `${item.token}: run ${runId} is lost`
    const told = run.status === 'succeeded' || (ends(item, run) && run.error_code !== null)
    if (run.ended_at_ms !== null && told) return undefined
    return `${item.token}: run ${runId} is ${run.status} (${run.error_code})`
  })

  claim(
    'every accepted item was delivered, or its delivery ended with its reason',
    accepted,
    (item) => {
      const { runId } = item.told as { runId: string }
      const delivery = deliveryOf(item)
      const run = runs.get(runId)
      if (delivery === undefined) {
        return run !== undefined && ends(item, run)
          ? undefined
          : `${item.token}: run ${runId} is ${run?.status} and has no delivery`
      }
      return hasReason(delivery, attempts.get(delivery.id) ?? [])
        ? undefined
        : `${item.token}: ${JSON.stringify(delivery)}`
    },
  )

  claim('what is said to be delivered has arrived, byte for byte', accepted, (item) => {
    const delivery = deliveryOf(item)
    if (delivery?.state !== 'succeeded') return undefined
    const arrived = seenOf(item.token).some(
      (arrival) => arrival.exact && arrival.answer !== 'none' && arrival.delivery === delivery.id,
    )
    return arrived
      ? undefined
      : `${item.token}: delivery ${delivery.id} succeeded and never arrived`
  })

  claim(
    'what a caller was told to be delivered has arrived',
    ledger.filter(({ told }) => told.as === 'delivered'),
    ({ token }) =>
      seenOf(token).some(({ exact, answer }) => exact && answer !== 'none')
        ? undefined
        : `${token}: 200 was answered and it never arrived`,
  )

  claim(
    'what was refused left nothing behind',
    ledger.filter(({ told, kind }) => told.as === 'refused' && kind !== 'waited'),
    ({ token, told }) => {
      const { runId, status } = told as { runId: string | null; status: number }
      const stored = runId !== null && runs.has(runId)
      return stored || seenOf(token).length > 0
        ? `${token}: ${status}, yet run ${runId}`
        : undefined
    },
  )

  claim(
    'what was canceled before it ended was not delivered',
    accepted.filter(({ told }) => told.as === 'accepted' && told.canceled),
    (item) => {
      const { runId } = item.told as { runId: string }
      const status = runs.get(runId)?.status
      const gone = deliveryOf(item) !== undefined || seenOf(item.token).length > 0
      return status !== 'canceled' || gone ? `${item.token}: run ${runId} is ${status}` : undefined
    },
  )

  claim(
    'what was handed over again under its Idempotency-Key ran once',
    ledger.filter(({ kind }) => kind === 'laterKeyed'),
    (item) => {
      const ids = new Set(seenOf(item.token).map(({ delivery }) => delivery))
      const own = deliveryOf(item)
      const strange = own !== undefined && ids.size === 1 && !ids.has(own.id)
      return ids.size > 1 || strange
        ? `${item.token}: ${JSON.stringify(item.told)} arrived as ${[...ids].join(', ')}`
        : undefined
    },
  )

  claim('nothing arrived that was not sent, and no byte changed', arrivals, (arrival) =>
    tokens.has(arrival.token) && arrival.exact ? undefined : JSON.stringify(arrival),
  )

  claim('a run has one delivery at most', byRun, ([runId, rows]) =>
    rows.length === 1 ? undefined : `run ${runId} has ${rows.length}`,
  )

  claim('attempts agree with what their delivery says', deliveries, (row) =>
    agrees(row, attempts.get(row.id) ?? [])
      ? undefined
      : `${JSON.stringify(row)} ${JSON.stringify(attempts.get(row.id))}`,
  )

  const kept = new Map([...attempts.values()].flat().map((row) => [row.id, JSON.stringify(row)]))
  claim('an attempt once written neither changes nor goes', siege.attempts.values(), (row) =>
    kept.get(row.id) === JSON.stringify(row)
      ? undefined
      : `${JSON.stringify(row)} became ${kept.get(row.id)}`,
  )

  const again = groupBy(
    arrivals.filter(({ duplicate }) => duplicate),
    ({ token }) => token,
  )
  claim(
    'an item arrived again at most as often as a kill found it leased',
    again,
    ([token, twice]) => {
      const ids = new Set(seenOf(token).map(({ delivery }) => delivery))
      const leases = [...ids].reduce((sum, id) => sum + (siege.leases.get(id ?? '')?.size ?? 0), 0)
      return twice.length <= leases
        ? undefined
        : `${token}: ${twice.length} more, leased at ${leases} kills: ${JSON.stringify(seenOf(token))}`
    },
  )

  const none = (says: string, violations: string[]): void =>
    void claims.push({ says, cases: undefined, violations })
  none('nothing waits or is leased at the end', accounts.leftovers)
  none('the database is whole', accounts.damage)
  none('no server ended by itself', accounts.deaths)
  return claims
}

/** Ended without a result: it failed, or somebody canceled it. */
function ends({ kind }: Item, { status }: RunRow): boolean {
  if (status === 'canceled') return kind === 'laterCanceled'
  return status === 'failed' && kind !== 'waited'
}

/** A delivery that ended, and by which the reason can be told. */
function hasReason(
  { state, reason, ended_at_ms: ended }: DeliveryRow,
  made: AttemptRow[],
): boolean {
  if (ended === null) return false
  if (state === 'succeeded') return true
  // Its attempts are the reason.
  if (state === 'exhausted') return made.length > 0 && made.every((one) => !took(one))
  return ['canceled', 'discarded'].includes(state) && reason !== null
}

function agrees(row: DeliveryRow, all: AttemptRow[]): boolean {
  const made = all.filter(({ manual }) => manual === 0)
  if (row.tries !== made.length) return false
  if (made.some((one) => one.status === null && one.error_class === null)) return false
  const taken = made.filter(took)
  if (row.state === 'succeeded') return taken.length === 1 && taken[0] === made.at(-1)
  if (taken.length > 0) return false
  return row.state !== 'exhausted' || made.length === retriesOf(row) + 1
}

/** A 2xx whose body broke off is a failure, and keeps both. */
function took({ status, error_class: failure }: AttemptRow): boolean {
  return failure === null && status !== null && status >= 200 && status < 300
}

function retriesOf({ retry }: DeliveryRow): number {
  const policy = JSON.parse(retry) as { retries?: number; scheduleMs?: unknown[] }
  return policy.retries ?? policy.scheduleMs?.length ?? 0
}

function groupBy<T>(all: Iterable<T>, key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const group = groups.get(key(one))
    if (group === undefined) groups.set(key(one), [one])
    else group.push(one)
  }
  return groups
}
