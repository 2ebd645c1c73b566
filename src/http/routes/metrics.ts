// The figures that Prometheus collects.
import { Type } from 'typebox'
import { SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'

export interface MetricsDeps {
  contentType: string
  text: () => Promise<string>
}

export function registerMetrics(app: App, { contentType, text }: MetricsDeps): void {
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Figures for Prometheus (docs/metrics.md)',
        tags: ['service'],
        security: SECURITY.token,
        response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
      },
      // They tell what all owners' functions do, together: not for everybody.
      config: { access: 'token' },
    },
    async (_request, reply) => reply.header('content-type', contentType).send(await text()),
  )
}
