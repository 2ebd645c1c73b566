// Sources: a tenant's addresses that other services call, and the history of what they got.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import type { Hooks } from '../../core/hooks.ts'
import type { SourceHistory } from '../../core/source-history.ts'
import type { Sources } from '../../core/sources.ts'
import type { Source } from '../../model.ts'
import { VERDICTS } from '../../source-model.ts'
import type { KeyGuard } from '../key-guard.ts'
import { idOf, isUuid, missing, readPage } from '../page.ts'
import { ErrorBody, NoFields, SECURITY, TenantQuery, listOf, tenantPage } from '../schemas.ts'
import type { App } from '../server.ts'
import {
  ChangeBody,
  Deleted,
  EventParams,
  EventShape,
  NewBody,
  Shape,
  SourceParams,
  WholeEvent,
  WithSecret,
  choice,
  eventToWire,
  toRequest,
  toWire,
  wholeEventToWire,
} from '../source-wire.ts'

export interface SourcesRoutesDeps {
  sources: Sources
  hooks: Pick<Hooks, 'replay'>
  history: Pick<SourceHistory, 'list' | 'find' | 'content'>
  executables: Pick<Executables, 'find'>
  keyGuard: KeyGuard
  /** Of addresses that are shown. */
  origin: () => string
}

export function registerSources(app: App, deps: SourcesRoutesDeps): void {
  const { sources, hooks, history, executables, keyGuard, origin } = deps
  const common = { tags: ['sources'] }
  const one = { ...common, params: SourceParams, querystring: TenantQuery }
  const show = (source: Source) => toWire(source, origin())
  const withSecret = (source: Source, secret: string | null) =>
    secret === null ? show(source) : { ...show(source), secret }

  app.post(
    '/api/sources',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Make an address that another service calls, to run a function or to publish',
        body: NewBody,
        response: { 201: WithSecret, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const { tenant: named, ...body } = request.body
      const tenant = keyGuard.tenantOf(request, named)
      const { fields, madeSecret } = await toRequest(request, body, { executables, keyGuard })
      const { verification } = fields
      if (verification === undefined) throw new Error('A new source says how it knows its sender.')
      const source = await sources.add(tenant, { ...fields, verification })
      reply
        .code(201)
        .header('location', `/api/sources/${source.id}?tenant=${tenant}`)
        .header('cache-control', 'no-store')
      return withSecret(source, madeSecret)
    },
  )

  app.get(
    '/api/sources',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: "A tenant's sources, newest first",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, ...page } = request.query
      const tenant = keyGuard.tenantOf(request, named)
      const { items, next } = await sources.list(tenant, readPage(page))
      return { items: items.map(show), next }
    },
  )

  app.get(
    '/api/sources/:id',
    {
      schema: {
        ...one,
        security: SECURITY.read,
        summary: 'One source, its secrets masked',
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      return show(await sources.find(tenant, idOf(request.params, 'source')))
    },
  )

  app.patch(
    '/api/sources/:id',
    {
      schema: {
        ...one,
        security: SECURITY.manage,
        summary: 'Change a source; what is named replaces what was there',
        body: ChangeBody,
        response: { 200: WithSecret, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const id = idOf(request.params, 'source')
      const { fields, madeSecret } = await toRequest(request, request.body, {
        executables,
        keyGuard,
      })
      const source = await sources.change(tenant, id, fields)
      reply.header('cache-control', 'no-store')
      return withSecret(source, madeSecret)
    },
  )

  app.delete(
    '/api/sources/:id',
    {
      schema: {
        ...one,
        security: SECURITY.manage,
        summary: 'Delete a source with its history; its address is nobody’s from then on',
        response: { 200: Deleted, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const id = idOf(request.params, 'source')
      await sources.remove(keyGuard.tenantOf(request, request.query.tenant), id)
      return { source_id: id }
    },
  )

  app.get(
    '/api/sources/:id/events',
    {
      schema: {
        ...common,
        params: SourceParams,
        security: SECURITY.read,
        summary: 'What a source got, newest first: accepted, or refused and why',
        querystring: tenantPage({
          verdict: Type.Optional(choice(VERDICTS, 'Of that verdict')),
        }),
        response: { 200: listOf(EventShape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, verdict, ...page } = request.query
      const tenant = keyGuard.tenantOf(request, named)
      const source = await sources.find(tenant, idOf(request.params, 'source'))
      const { items, next } = await history.list(source, { verdict }, readPage(page))
      return { items: items.map(eventToWire), next }
    },
  )

  app.get(
    '/api/sources/:id/events/:event',
    {
      schema: {
        ...one,
        params: EventParams,
        security: SECURITY.read,
        summary: 'One event with its headers and its body, as far as they are kept',
        response: { 200: WholeEvent, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const source = await sources.find(tenant, idOf(request.params, 'source'))
      const id = eventOf(request.params)
      const { event, keptBytes } = await history.find(source, id)
      request.lease.take(keptBytes)
      const { request: kept, body } = await history.content(id)
      return wholeEventToWire(event, kept, body)
    },
  )

  app.post(
    '/api/sources/:id/events/:event/replay',
    {
      schema: {
        ...one,
        params: EventParams,
        security: SECURITY.manage,
        summary: 'Do in the background what the source does now with an event that it got before',
        body: NoFields,
        response: { 202: EventShape, '4xx': ErrorBody, '5xx': ErrorBody },
      },
      config: { access: 'manage', optionalBody: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const source = await sources.find(tenant, idOf(request.params, 'source'))
      const { lease } = request
      lease.hold()
      try {
        const event = await hooks.replay(source, eventOf(request.params), lease)
        reply
          .code(202)
          .header('location', `/api/sources/${source.id}/events/${event.id}?tenant=${tenant}`)
        return eventToWire(event)
      } finally {
        lease.release()
      }
    },
  )
}

function eventOf({ event }: { event: string }): string {
  if (isUuid(event)) return event
  throw missing('event')
}
