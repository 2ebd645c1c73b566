// /hooks/:id: what other services call. Whoever has the address may try; the source decides.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import type { HookReply, Hooks } from '../../core/hooks.ts'
import type { Sources } from '../../core/sources.ts'
import { AppError } from '../../errors.ts'
import { sendGuestMade } from '../guest-made.ts'
import { isUuid, missing } from '../page.ts'
import { NO_BYTES, rawBody, takeRawBodies } from '../raw-body.ts'
import { ErrorBody, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { hopsOf } from '../wire.ts'

export interface HooksRoutesDeps {
  hooks: Pick<Hooks, 'receive'>
  sources: Pick<Sources, 'findEnabled'>
  config: Pick<Config, 'HOOK_BYTES'>
}

const Accepted = Type.Object(
  {
    event_id: Type.String({ description: "Of the source's history" }),
  },
  { additionalProperties: true },
)

/** The source itself refuses one that is there twice, and tells its owner. */
const asSent = (description: string) =>
  Type.Union([Type.String(), Type.Array(Type.String())], { description })

const MetaQuery = Type.Object({
  'hub.mode': Type.Optional(asSent('subscribe')),
  'hub.verify_token': Type.Optional(asSent('As the source has it')),
  'hub.challenge': Type.Optional(asSent('Is the answer')),
})

export function registerHooks(app: App, { hooks, sources, config }: HooksRoutesDeps): void {
  void app.register((scope, _options, done) => {
    takeRawBodies(scope)
    const methods = [
      ['POST', 'What a service sends to a source'],
      ['GET', "Meta's question whether the source expects it"],
      ['OPTIONS', "CloudEvents' question whether the source expects it"],
    ] as const
    for (const [method, summary] of methods) {
      scope.route({
        method,
        url: '/hooks/:id',
        exposeHeadRoute: false,
        bodyLimit: config.HOOK_BYTES,
        schema: {
          summary,
          tags: ['sources'],
          params: Type.Object({ id: Type.String({ description: 'source_id' }) }),
          ...(method === 'GET' ? { querystring: MetaQuery } : {}),
          security: SECURITY.open,
          response: {
            ...(method === 'POST' ? { 202: Accepted } : {}),
            '4xx': ErrorBody,
            '5xx': ErrorBody,
          },
        },
        config: {
          access: 'open',
          ...(method === 'POST'
            ? {
                rawBody: [
                  'application/json',
                  'application/x-www-form-urlencoded',
                  'application/xml',
                  'application/yaml',
                  'application/cloudevents+json',
                ],
              }
            : {}),
          ...(method === 'OPTIONS'
            ? {
                wireHeaders: {
                  'WebHook-Request-Origin': 'Who asks',
                  'WebHook-Request-Rate': 'How many events a minute it would like to send',
                },
              }
            : {}),
          // The function, or where its result was sent, decides; of a duplicate it is JSON with `duplicate`.
          rawAnswer: ['*/*'],
        },
        // Before a body is read: a stranger cannot make the server hold one.
        onRequest: findSource,
        handler: answer,
      })
    }
    done()
  })

  async function findSource(request: FastifyRequest): Promise<void> {
    const { id } = request.params as { id: string }
    if (!isUuid(id)) throw missing('source')
    await sources.findEnabled(id)
  }

  async function receive(request: FastifyRequest, reply: FastifyReply): Promise<HookReply> {
    const { method, lease, hangUp, malformedType, raw } = request
    // Once more: its body may have taken minutes.
    const source = await sources.findEnabled((request.params as { id: string }).id)
    const headers =
      malformedType === undefined
        ? request.headers
        : { ...request.headers, 'content-type': malformedType }
    const { challenge } = source
    if (method === 'GET' && challenge?.kind !== 'meta') throw notAllowed(reply, method)
    if (method === 'OPTIONS' && challenge?.kind !== 'cloudevents') throw notAllowed(reply, method)
    const query = queryOf(request.url)
    const body = rawBody(request) ?? NO_BYTES
    const repeated = repeatedNames(raw.rawHeaders)
    const hops = hopsOf(headers)
    const asked = { method, headers, repeated, query, body, hops, lease, hangUp }
    lease.hold()
    try {
      return await hooks.receive(source, asked)
    } finally {
      lease.release()
    }
  }

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const done = await receive(request, reply)
    switch (done.kind) {
      case 'challenge':
        return reply.code(done.status).headers(done.headers).send(done.body)
      case 'ran':
        reply.header('wasmhook-event', done.event.id)
        sendGuestMade(reply, done.answer)
        return reply
      case 'accepted':
        reply.header('wasmhook-event', done.event.id)
        return reply.code(202).send({ event_id: done.event.id })
      case 'duplicate':
        return reply.code(200).send({ event_id: done.of, duplicate: true })
    }
  }
}

function notAllowed(reply: FastifyReply, method: string): AppError {
  reply.header('allow', 'POST')
  return new AppError('METHOD_NOT_ALLOWED', `${method} is not asked for here; send it by POST.`)
}

/** Of headers that were sent more than once, which Node.js joins. @param raw names and values in turn */
function repeatedNames(raw: readonly string[]): string[] {
  const names = raw.filter((_, n) => n % 2 === 0).map((name) => name.toLowerCase())
  return names.length === new Set(names).size
    ? []
    : names.filter((name, n) => names.indexOf(name) !== n)
}

/** As it was sent, without the question mark. */
function queryOf(url: string): string {
  const at = url.indexOf('?')
  return at === -1 ? '' : url.slice(at + 1)
}
