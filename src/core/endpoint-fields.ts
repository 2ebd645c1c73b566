// What an owner says of an endpoint, checked, and put over what was said before.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { EVENT_TYPE_CHARS_MAX, EVENT_TYPE_WORDS_MAX, isEventPattern } from '../event-pattern.ts'
import { changedSettings } from '../endpoint-settings.ts'
import type { Endpoint, EndpointSettings, RequestSpec, RetryPolicy } from '../model.ts'
import { originOf, parseRequestSpec } from '../request-spec.ts'
import { DEFAULT_RETRY, formatRetry, parseRetry } from '../retry-policy.ts'
import type { EndpointFields } from '../storage/storage.ts'
import { laneOfFunction } from './function-target.ts'
import { signatureWarnings } from './signing.ts'
import type { TargetCheck } from './target-check.ts'

/** What is absent stays as it is, or is the default. */
export interface EndpointRequest {
  /** In place of the function that `settings` may name. */
  url?: string | undefined
  eventTypes?: readonly string[] | undefined
  description?: string | undefined
  /** Replaces all of them. */
  headers?: Readonly<Record<string, string>> | undefined
  /** As in a callback; null: the default. */
  retry?: unknown
  /** Null: the default. */
  timeoutMs?: number | null | undefined
  maxRedirects?: number | undefined
  /** Each that is named replaces the one before. */
  settings?: { [K in keyof EndpointSettings]?: EndpointSettings[K] | undefined }
  enabled?: boolean | undefined
}

/** @throws AppError BAD_REQUEST, INVALID_SPEC, ADDRESS_REFUSED */
export function toEndpointFields(
  request: EndpointRequest,
  before: Endpoint | undefined,
  { checkTarget, config }: { checkTarget: TargetCheck; config: Config },
): { fields: EndpointFields; warnings: string[] } {
  const eventTypes = request.eventTypes ?? before?.eventTypes ?? []
  checkPatterns(eventTypes)
  const common = {
    description: request.description ?? before?.description ?? '',
    eventTypes,
    enabled: request.enabled ?? before?.enabled ?? true,
  }
  const named = { ...request.settings }
  if (request.url !== undefined) {
    if (named.target) throw notBeside('url', 'function')
    named.target = null
  }
  const settings = changedSettings(before?.settings, named)
  checkCeilings(settings, before?.settings, config)
  const ordering = before === undefined ? [] : orderWarnings(before.settings, settings)
  if (settings.target !== null) {
    if (request.headers !== undefined) throw notBeside('headers', 'function')
    if (request.timeoutMs !== undefined) throw notBeside('timeout_ms', 'function')
    if (request.maxRedirects !== undefined) throw notBeside('max_redirects', 'function')
    const target = laneOfFunction(settings.target)
    const retry = retryOf(request, before)
    return { fields: { ...common, spec: null, settings, target, retry }, warnings: ordering }
  }
  const { spec, warnings } = toSpec(request, before?.spec ?? undefined)
  // What is there already may be changed, and disabled, though it may not be called any more.
  if (before === undefined || request.url !== undefined) checkTarget(spec)
  const retry = spec.retry ?? DEFAULT_RETRY
  return {
    fields: { ...common, spec, settings, target: originOf(spec), retry },
    warnings: [...warnings, ...signatureWarnings(spec), ...ordering],
  }
}

/** What was said under another configuration may stay. */
function checkCeilings(
  settings: EndpointSettings,
  before: EndpointSettings | undefined,
  config: Config,
): void {
  const rows = [
    ['delay_ms', settings.delayMs, before?.delayMs, 'DELIVER_LATER_MS_MAX'],
    ['max_in_flight', settings.maxInFlight, before?.maxInFlight, 'DELIVERY_TARGET_CONCURRENCY'],
  ] as const
  for (const [field, value, known, name] of rows) {
    if (value === null || value === known || value <= config[name]) continue
    const sentence = `${field} is at most ${config[name]} (${name}).`
    throw new AppError('BAD_REQUEST', sentence, { detail: { field, limit: config[name] } })
  }
}

function orderWarnings(before: EndpointSettings, after: EndpointSettings): string[] {
  const lines = ({ ordered }: EndpointSettings) => (ordered === null ? undefined : ordered.key)
  if (lines(before) === lines(after)) return []
  return [
    'What was published before keeps to the order that it had; between it and what is published from now on there is none.',
  ]
}

function checkPatterns(patterns: readonly string[]): void {
  const at = patterns.findIndex((pattern) => !isEventPattern(pattern))
  if (at < 0) return
  throw new AppError(
    'BAD_REQUEST',
    'An entry of event_types is a name as order.created, or one with * in place of words, as order.*, at ' +
      `most ${EVENT_TYPE_WORDS_MAX} words and ${EVENT_TYPE_CHARS_MAX} characters.`,
    { detail: { field: `event_types.${at}` } },
  )
}

function toSpec(
  { url, headers, retry, timeoutMs, maxRedirects }: EndpointRequest,
  before: RequestSpec | undefined,
): { spec: RequestSpec; warnings: string[] } {
  const address = url === undefined && before !== undefined ? before : readUrl(url ?? '')
  const { protocol, hostname, port, path } = address
  const oldRetry = before?.retry === undefined ? undefined : formatRetry(before.retry)
  const options = {
    ...{ protocol, hostname, port, path },
    headers: headers ?? before?.headers ?? {},
    retry: retry === undefined ? oldRetry : retry,
    maxRedirects: maxRedirects ?? before?.maxRedirects,
    timeout: timeoutMs === undefined ? before?.timeoutMs : (timeoutMs ?? undefined),
  }
  return parseRequestSpec(options, 'callback')
}

function readUrl(url: string): RequestSpec {
  const field = 'url'
  if (!/^https?:\/\//i.test(url)) {
    throw new AppError('INVALID_SPEC', 'url must be a URL that begins with https:// or http://.', {
      detail: { field },
    })
  }
  const { spec } = parseRequestSpec(url, 'callback')
  if (spec.headers.authorization === undefined) return spec
  // They would follow a change of the address to another host.
  throw new AppError('INVALID_SPEC', 'Put credentials into headers (Authorization), not the URL.', {
    detail: { field },
  })
}

function retryOf({ retry }: EndpointRequest, before: Endpoint | undefined): RetryPolicy {
  if (retry === null) return DEFAULT_RETRY
  return retry === undefined ? (before?.retry ?? DEFAULT_RETRY) : parseRetry(retry)
}

function notBeside(field: string, other: string): AppError {
  return new AppError('BAD_REQUEST', `${field} has no place beside ${other}.`, {
    detail: { field },
  })
}
