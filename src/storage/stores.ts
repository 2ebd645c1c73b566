// Every store of the contract, made of what an engine provides.
import { createBinStore } from './bins.ts'
import type { Database } from './database.ts'
import { createDeliveryStore } from './deliveries.ts'
import { createDeliveryRetention } from './delivery-retention.ts'
import { createEndpointStore } from './endpoints.ts'
import { createEphemeralStore } from './ephemeral.ts'
import { createEventTypeStore } from './event-types.ts'
import { createExecutableStore } from './executables.ts'
import { createFunctionStore } from './function-storage.ts'
import { createIdempotencyStore } from './idempotency.ts'
import { createMessageStore } from './messages.ts'
import { createQueuedRunStore } from './queued-runs.ts'
import { createResendJobStore } from './resend-jobs.ts'
import { createRunStore } from './runs.ts'
import { createOverviewStore } from './overview.ts'
import type { Secrets } from './secrets.ts'
import { createSigningSecretStore } from './signing-secrets.ts'
import { createSourceEventStore } from './source-events.ts'
import { createSourceStore } from './sources.ts'
import type { FunctionStore } from './storage.ts'
import { createTokenStore } from './tokens.ts'

export function createStores(deps: {
  database: Database
  secrets: Secrets
  /** How processes take turns. */
  turn: FunctionStore['turn']
  /** What the database takes of the disk. */
  sizeBytes: () => Promise<number>
}) {
  const { database, secrets, turn, sizeBytes } = deps
  const queuedRuns = createQueuedRunStore({ database, secrets })
  const messages = createMessageStore({ database, secrets })
  return {
    executables: createExecutableStore({ database, secrets }),
    signingSecrets: createSigningSecretStore({ database, secrets }),
    runs: createRunStore({ database }),
    queuedRuns,
    idempotency: createIdempotencyStore({ database }),
    deliveries: createDeliveryStore({ database, secrets }),
    deliveryRetention: createDeliveryRetention(database),
    resendJobs: createResendJobStore(database),
    eventTypes: createEventTypeStore({ database, secrets }),
    endpoints: createEndpointStore({ database, secrets }),
    messages,
    sources: createSourceStore({ database, secrets }),
    sourceEvents: createSourceEventStore({ database, secrets, queuedRuns, messages }),
    bins: createBinStore({ database, secrets }),
    overview: createOverviewStore({ database, sizeBytes }),
    tokens: createTokenStore(database),
    ephemeral: createEphemeralStore({ database }),
    functions: createFunctionStore({ database, secrets, turn }),
  }
}
