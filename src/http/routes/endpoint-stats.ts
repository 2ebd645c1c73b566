// What came of what an endpoint was sent, in all and by the hour.
import { Type } from 'typebox'
import type { Endpoints } from '../../core/endpoints.ts'
import type { EndpointCounts } from '../../model.ts'
import { EndpointParams } from '../endpoint-wire.ts'
import type { KeyGuard } from '../key-guard.ts'
import { idOf } from '../page.ts'
import { ErrorBody, SECURITY, TenantQuery, nullable } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'

const Counts = {
  succeeded: Type.Integer({ description: 'Attempts that it took' }),
  failed_attempts: Type.Integer(),
  exhausted: Type.Integer({ description: 'Deliveries that ran out of retries' }),
  discarded: Type.Integer({ description: 'Deliveries that ended otherwise without being taken' }),
  latency_sum_ms: Type.Number({ description: 'How long all attempts took together' }),
  average_latency_ms: nullable(Type.Number({ description: 'null: there was no attempt' })),
}
const Time = nullable(Type.String({ description: 'RFC 3339, UTC; null: never' }))
const Stats = Type.Object({
  endpoint_id: Type.String(),
  ...Counts,
  last_success_at: Time,
  last_failure_at: Time,
  failing_since: nullable(Type.String({ description: 'null: it is not failing' })),
  hours: Type.Array(
    Type.Object({ from: Type.String({ description: 'When the hour began' }), ...Counts }),
    {
      description: 'Newest first, those in which something happened, within ENDPOINT_STATS_KEPT_MS',
    },
  ),
})

export function registerEndpointStats(
  app: App,
  { endpoints, keyGuard }: { endpoints: Endpoints; keyGuard: KeyGuard },
): void {
  app.get(
    '/api/endpoints/:id/stats',
    {
      schema: {
        tags: ['events'],
        security: SECURITY.read,
        summary: 'What came of what an endpoint was sent, in all and by the hour',
        params: EndpointParams,
        querystring: TenantQuery,
        response: { 200: Stats, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const id = idOf(request.params, 'endpoint')
      const stats = await endpoints.stats(tenant, id)
      const { totals, hours, lastSuccessAtMs, lastFailureAtMs } = stats
      return {
        endpoint_id: id,
        ...toWire(totals),
        last_success_at: toTime(lastSuccessAtMs),
        last_failure_at: toTime(lastFailureAtMs),
        failing_since: toTime(stats.failingSinceMs),
        hours: hours.map(({ fromMs, ...counts }) => ({
          from: toTime(fromMs),
          ...toWire(counts),
        })),
      }
    },
  )
}

function toWire({ latencyUs, ...counts }: EndpointCounts) {
  const attempts = counts.succeeded + counts.failedAttempts
  return {
    succeeded: counts.succeeded,
    failed_attempts: counts.failedAttempts,
    exhausted: counts.exhausted,
    discarded: counts.discarded,
    latency_sum_ms: latencyUs / 1000,
    average_latency_ms: attempts === 0 ? null : latencyUs / attempts / 1000,
  }
}
