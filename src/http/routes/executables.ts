// Upload, list, describe, change, hot swap and delete executables.
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import { during } from '../../core/byte-budget.ts'
import type { Executables } from '../../core/executables.ts'
import type { Limits } from '../../core/limits.ts'
import type { RunJournal } from '../../core/run-journal.ts'
import { AppError } from '../../errors.ts'
import { curlLine, describeExecutable } from '../describe.ts'
import { JSON_TYPE } from '../json-text.ts'
import type { KeyGuard } from '../key-guard.ts'
import { NO_BYTES, rawBody, takeRawBodies } from '../raw-body.ts'
import { ErrorBody, ExecutableParams, SECURITY, WasmId } from '../schemas.ts'
import type { App } from '../server.ts'
import { USAGE_FILTERS, gasWarnings } from '../usage-figures.ts'
import { sendWarnings } from '../warnings.ts'
import { toExecutableId, wireHeader } from '../wire.ts'

export interface ExecutablesDeps {
  executables: Executables
  journal: RunJournal
  keyGuard: KeyGuard
  limits: Limits
  config: Config
}

/** Longer descriptions belong in a repository. */
const DESCRIPTION_CHARS_MAX = 4096

const Uploaded = Type.Object(
  {
    wasm_id: Type.Integer(),
    wasm_sha256: Type.String({ description: '0x and 64 hex digits' }),
    SSVM_Usage_Key: Type.String({ description: 'The zero UUID where anybody may call' }),
    SSVM_Admin_Key: Type.String({ description: 'Shown once; only its hash is kept' }),
    kind: Type.String({ description: 'wasm-bindgen, wasi-command or raw' }),
    functions: Type.Array(Type.Unknown(), { description: 'Names, and types as far as known' }),
    missing_imports: Type.Array(Type.Unknown()),
    warnings: Type.Array(Type.String()),
    curl: Type.String({ description: 'A line that calls it' }),
  },
  { additionalProperties: true },
)
const Swapped = Type.Object(
  {
    wasm_id: Type.Integer(),
    wasm_sha256: Type.String(),
    version: Type.Integer(),
    warnings: Type.Array(Type.String()),
  },
  { additionalProperties: true },
)
const About = Type.Object(
  {
    description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
    embedded_callback: Type.Optional(Type.Union([Type.Literal('on'), Type.Literal('off')])),
    reuse: Type.Optional(
      Type.Boolean({ description: 'A warm instance may serve further calls of the same version' }),
    ),
    metered: Type.Optional(
      Type.Boolean({ description: 'Count fuel and bound it by run_fuel; calls cost more' }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
)

export function registerExecutables(app: App, deps: ExecutablesDeps): void {
  const { executables, journal, keyGuard, limits, config } = deps

  app.get(
    '/api/executables',
    {
      schema: {
        summary: 'All executables',
        tags: ['executables'],
        security: SECURITY.token,
        response: { 200: Type.Array(WasmId) },
      },
      config: { access: 'token' },
    },
    async () => (await executables.listIds()).map((id) => ({ wasm_id: id })),
  )

  app.get(
    '/api/executables/:id',
    {
      schema: {
        summary: 'Describe an executable; what is shown depends on the key',
        tags: ['executables'],
        params: ExecutableParams,
        security: SECURITY.open,
        querystring: Type.Object({
          filterBy: Type.Optional(
            Type.String({
              description:
                'JSON array of field names, as ["wasm_description"]; with the admin key also ' +
                USAGE_FILTERS.join(', '),
            }),
          ),
        }),
        response: {
          200: Type.Any({ description: 'The fields that the key opens' }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'route' },
    },
    async (request, reply) => {
      const executable = await executables.find(toExecutableId(request.params.id))
      const shown = await describeExecutable(executable, {
        filter: request.query.filterBy,
        mayUse: keyGuard.hasUsage(request, executable),
        mayAdminister: keyGuard.hasAdmin(request, executable),
        sentKey: keyGuard.sentKey(request),
        limits,
        readWasm: () => executables.readWasm(executable),
        readUsage: () => journal.usage(executable.id),
      })
      sendWarnings(reply, gasWarnings(Object.keys(shown), executable))
      reply.type(JSON_TYPE)
      const { wasm_as_buffer: wasm } = shown
      if (!Buffer.isBuffer(wasm)) return reply.send(shown)
      request.lease.take(wasm.length)
      return reply.send(Readable.from(withBuffer(shown, wasm), { highWaterMark: 1 }))
    },
  )

  app.patch(
    '/api/executables/:id',
    {
      schema: {
        summary: 'Change the description, or how the function is called',
        tags: ['executables'],
        params: ExecutableParams,
        body: About,
        security: SECURITY.admin,
        response: { 200: WasmId, '4xx': ErrorBody, '5xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      const { description, embedded_callback: embedded, reuse, metered } = request.body
      await executables.setAbout(id, {
        ...(description === undefined ? {} : { description }),
        ...(embedded === undefined ? {} : { embeddedCallback: embedded === 'on' }),
        ...(reuse === undefined ? {} : { reuse }),
        ...(metered === undefined ? {} : { metered }),
      })
      return { wasm_id: id }
    },
  )

  app.delete(
    '/api/executables/:id',
    {
      schema: {
        summary: 'Delete an executable with its versions, settings and runs',
        tags: ['executables'],
        params: ExecutableParams,
        security: SECURITY.admin,
        response: { 200: WasmId, '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      await executables.remove(id)
      return { wasm_id: id }
    },
  )

  void app.register((plain, _options, done) => {
    const scope = plain.withTypeProvider<TypeBoxTypeProvider>()
    takeRawBodies(scope)

    scope.post(
      '/api/executables',
      {
        bodyLimit: config.MODULE_BYTES_MAX,
        schema: {
          summary: 'Upload a .wasm (the body; curl --data-binary @file.wasm)',
          tags: ['executables'],
          security: SECURITY.token,
          response: { 200: Uploaded, '4xx': ErrorBody, '5xx': ErrorBody },
        },
        config: {
          access: 'token',
          rawBody: ['application/octet-stream'],
          wireHeaders: {
            SSVM_Description: 'What the executable is for',
            SSVM_Create_Usage_Key: '`true` makes a usage key; without one anybody may call',
          },
        },
      },
      async (request) => {
        const description = wireHeader(request.headers, 'SSVM_Description') ?? ''
        if (description.length > DESCRIPTION_CHARS_MAX) {
          throw new AppError(
            'BAD_REQUEST',
            `SSVM_Description is longer than ${DESCRIPTION_CHARS_MAX} characters.`,
          )
        }
        const wasm = rawBody(request) ?? NO_BYTES
        const createKey = wireHeader(request.headers, 'SSVM_Create_Usage_Key')
        const { lease, hangUp } = request
        const { executable, adminKey, usageKey } = await during(lease, () =>
          executables.upload(wasm, {
            description,
            createUsageKey: createKey?.toLowerCase() === 'true',
            hangUp: hangUp.signal,
          }),
        )
        const { interface: found } = executable.version
        return {
          wasm_id: executable.id,
          wasm_sha256: `0x${executable.version.sha256}`,
          SSVM_Usage_Key: usageKey,
          SSVM_Admin_Key: adminKey,
          kind: found.kind,
          functions: found.functions,
          missing_imports: found.missing_imports,
          warnings: found.warnings,
          curl: curlLine(executable, config.PUBLIC_URL || `${request.protocol}://${request.host}`),
        }
      },
    )

    scope.put(
      '/api/update_wasm_binary/:id',
      {
        bodyLimit: config.MODULE_BYTES_MAX,
        schema: {
          summary: 'Hot swap: a new version becomes active, runs under way end on the old one',
          tags: ['executables'],
          params: ExecutableParams,
          security: SECURITY.admin,
          response: { 200: Swapped, '4xx': ErrorBody, '5xx': ErrorBody },
        },
        config: { access: 'admin', rawBody: ['application/octet-stream'] },
      },
      async (request) => {
        const id = toExecutableId(request.params.id)
        const wasm = rawBody(request) ?? NO_BYTES
        const { lease, hangUp } = request
        const version = await during(lease, () => executables.swap(id, wasm, hangUp.signal))
        return {
          wasm_id: id,
          wasm_sha256: `0x${version.sha256}`,
          version: version.number,
          warnings: version.interface.warnings,
        }
      },
    )
    done()
  })
}

/** Bytes that are turned into numbers at a time; a module at once would hold up everybody else. */
const CHUNK_BYTES = 64 * 1024

/** The JSON text of a description with `wasm_as_buffer` as Node.js writes a Buffer, in pieces. */
async function* withBuffer(shown: Record<string, unknown>, wasm: Buffer): AsyncGenerator<string> {
  const before = JSON.stringify({ ...shown, wasm_as_buffer: undefined }).slice(0, -1)
  yield `${before}${before === '{' ? '' : ','}"wasm_as_buffer":{"type":"Buffer","data":[`
  for (let at = 0; at < wasm.length; at += CHUNK_BYTES) {
    await nextTurn()
    yield `${at === 0 ? '' : ','}${wasm.subarray(at, at + CHUNK_BYTES).join(',')}`
  }
  yield ']}}'
}
