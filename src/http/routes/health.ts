// Whether the process answers, whether it can do its work, and what its API is.
import { Type } from 'typebox'
import type { App } from '../server.ts'

export interface HealthDeps {
  /** Resolves where storage answers. */
  ping: () => Promise<void>
  /** False while storage takes no writes: a full disk. */
  writes: () => Promise<boolean>
  /** Threads, allocator and the choices made for this machine. */
  sandboxStats: () => object
}

const Ready = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('unready')]),
  storage: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('takes no writes')]),
  sandbox: Type.Unknown({ description: 'Threads, allocator, what runs and waits' }),
})

export function registerHealth(app: App, { ping, writes, sandboxStats }: HealthDeps): void {
  const tags = ['service']

  app.get(
    '/healthz',
    {
      schema: {
        summary: 'The process answers',
        tags,
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
      config: { access: 'open' },
    },
    () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Storage and sandbox can work',
        tags,
        response: { 200: Ready, 503: Ready },
      },
      config: { access: 'open' },
    },
    async (_request, reply) => {
      const answers = await ping().then(
        () => true,
        () => false,
      )
      const storage = !answers ? 'down' : (await writes()) ? 'up' : 'takes no writes'
      const ready = storage === 'up'
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? 'ready' : 'unready', storage, sandbox: sandboxStats() })
    },
  )

  app.get(
    '/openapi.json',
    { schema: { hide: true }, config: { access: 'open' } },
    (_request, reply) => reply.send(app.swagger()),
  )
}
