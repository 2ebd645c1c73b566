// POST /api/run and /api/multipart/run, each with and without /bytes.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import type { DurableRuns } from '../../core/durable-runs.ts'
import type { Executables } from '../../core/executables.ts'
import { newRunId } from '../../core/run-id.ts'
import type { RunRequest, Runner } from '../../core/runner.ts'
import { signatureWarnings } from '../../core/signing.ts'
import type { RunAnswer } from '../../model.ts'
import { answerDurable, mayBeDurable, postponed } from '../durable-answer.ts'
import { sendGuestMade } from '../guest-made.ts'
import type { KeyGuard } from '../key-guard.ts'
import { rawBody, takeRawBodies } from '../raw-body.ts'
import { readMultipartRequest, readRunRequest } from '../run-request.ts'
import type { CallRequest } from '../run-request.ts'
import { ErrorBody, FunctionParams, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { sendWarnings } from '../warnings.ts'
import { hopsOf, toExecutableId } from '../wire.ts'

export interface RunDeps {
  executables: Executables
  runner: Runner
  durableRuns: DurableRuns
  keyGuard: KeyGuard
  config: Config
}

export function registerRun(app: App, deps: RunDeps): void {
  void app.register((scope, _options, done) => {
    takeRawBodies(scope)
    const read = (request: FastifyRequest): CallRequest =>
      readRunRequest(request.headers, rawBody(request), deps.config.JSON_SEARCH_BYTES)
    const readParts = (request: FastifyRequest): CallRequest =>
      readMultipartRequest(request.headers, rawBody(request), deps.config.INPUTS_MAX)
    const routes = [
      ['/api/run/:id/:fn', true, read, 'Run a function; the body is its one argument'],
      ['/api/run/:id/:fn/bytes', false, read, 'The same, for a function that returns bytes'],
      ['/api/multipart/run/:id/:fn', true, readParts, 'Run a function; part …_N is argument N'],
      [
        '/api/multipart/run/:id/:fn/bytes',
        false,
        readParts,
        'The same, for a function that returns bytes',
      ],
    ] as const
    for (const [url, text, readRequest, summary] of routes) {
      const options = { ...deps, text, readRequest }
      const parts = readRequest === readParts
      const types = parts
        ? ['multipart/form-data']
        : ['text/plain', 'application/json', 'application/octet-stream']
      const headers = { ...(parts ? {} : { SSVM_Fetch }), SSVM_Callback, Prefer, ...OTHERS }
      scope.post(
        url,
        {
          bodyLimit: deps.config.INPUT_BYTES_MAX,
          schema: {
            summary,
            tags: ['run'],
            params: FunctionParams,
            security: SECURITY.usage,
            response: { '4xx': ErrorBody, '5xx': ErrorBody },
          },
          config: {
            access: 'usage',
            cors: true,
            rawBody: types,
            // Nothing is sent where SSVM_Fetch names the argument, or the function takes none.
            optionalBody: !parts,
            // The function, or where its result was sent, decides.
            rawAnswer: ['*/*'],
            wireHeaders: headers,
          },
        },
        (request, reply) => {
          answerRun(request, reply, options)
        },
      )
    }
    done()
  })
}

const SSVM_Fetch = 'A URL, or HTTP options as JSON: what it answers is the one argument'
const SSVM_Callback = 'HTTP options as JSON, or a URL, that the result is sent to; {} means none'
const Prefer =
  '`respond-async`: 202 once the run is committed; `respond-async, wait=N`: its outcome within N seconds, or 202'
const OTHERS = {
  'Idempotency-Key':
    'Up to 255 printable characters: the same call with the same key gets the first answer again',
  'Wasmhook-Retry':
    'With respond-async: { "interval_ms", "backoff", "retries" } or { "schedule_ms" }, and "on": failures to try again after',
}

interface RunOptions extends RunDeps {
  text: boolean
  readRequest: (request: FastifyRequest) => CallRequest
}

/** Answers by itself: what Fastify does with a handler's promise costs more than it gives here. */
function answerRun(request: FastifyRequest, reply: FastifyReply, options: RunOptions): void {
  run(request, reply, options).then(
    (answer) => {
      try {
        sendGuestMade(reply, answer)
      } catch (error) {
        void reply.send(error)
      }
    },
    (error: unknown) => {
      void reply.send(error)
    },
  )
}

async function run(
  request: FastifyRequest,
  reply: FastifyReply,
  { executables, runner, durableRuns, keyGuard, config, text, readRequest }: RunOptions,
): Promise<RunAnswer> {
  const { id: wasmId, fn } = request.params as { id: string; fn: string }
  const call = readRequest(request)
  const id = toExecutableId(wasmId)
  const executable = executables.cached(id) ?? (await executables.find(id))
  const runId = newRunId()
  reply.header('wasmhook-run', runId)
  const { callback } = call
  const named = callback !== undefined && callback !== 'none'
  const vouched = named && keyGuard.hasAdmin(request, executable)
  const signed = vouched && executable.signingSecrets.length > 0
  const warnings = signed ? [...call.warnings, ...signatureWarnings(callback)] : call.warnings
  // Set before the run, so that a failure's answer carries them too.
  sendWarnings(reply, warnings)
  const { lease, hangUp } = request
  const asked: RunRequest = {
    id: runId,
    executable,
    functionName: fn,
    inputs: call.inputs,
    callback,
    text,
    hops: hopsOf(request.headers),
    vouched,
    lease,
    hangUp,
  }
  lease.hold()
  try {
    const made = mayBeDurable(request.headers)
      ? await answerDurable(
          request,
          reply,
          { asked, call },
          { durableRuns, waitMsMax: config.PREFER_WAIT_MS_MAX },
        )
      : undefined
    const answer = made ?? (await runner.run(asked))
    if (answer.warnings.length > 0) sendWarnings(reply, [...warnings, ...answer.warnings])
    return answer.postponed === undefined ? answer : postponed(reply, answer.postponed)
  } finally {
    lease.release()
  }
}
