// What an owner sets on an executable: state, stored callback, types, variables.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import type { Executables } from '../../core/executables.ts'
import { checkTypes } from '../../core/types.ts'
import { AppError } from '../../errors.ts'
import { NO_BYTES, rawBody, takeRawBodies } from '../raw-body.ts'
import { ErrorBody, ExecutableParams, SECURITY, WasmId } from '../schemas.ts'
import type { App } from '../server.ts'
import { sendWarnings } from '../warnings.ts'
import { meansNone, toExecutableId, toText } from '../wire.ts'

export interface SettingsDeps {
  executables: Executables
  config: Config
}

/** Types of one function: one for each input, and more than any function takes. */
const TYPES_OF_FUNCTION_MAX = 64
/** Functions with declared types. */
const TYPED_FUNCTIONS_MAX = 1000
/** Variables; what they hold in all, VARIABLES_BYTES_MAX bounds. */
const VARIABLES_MAX = 1000

/** `.` in a pattern stops at a line end; a name with one would escape validation. */
const Name = Type.String({ pattern: '^[^\\u0000-\\u001f]+$' })
const TypeNames = Type.Array(Type.String(), { maxItems: TYPES_OF_FUNCTION_MAX })
const Types = Type.Record(
  Name,
  Type.Union([
    TypeNames,
    Type.Object(
      { params: TypeNames, result: Type.Optional(Type.String()) },
      { additionalProperties: false },
    ),
  ]),
  { maxProperties: TYPED_FUNCTIONS_MAX, additionalProperties: false },
)
const Variables = Type.Record(Name, Type.String(), {
  maxProperties: VARIABLES_MAX,
  additionalProperties: false,
})
const VariableNames = Type.Object({ wasm_id: Type.Integer(), variables: Type.Array(Type.String()) })

export function registerSettings(app: App, deps: SettingsDeps): void {
  registerTexts(app, deps)
  registerTypes(app, deps.executables)
  registerVariables(app, deps)
}

/** State and callback: text bodies of any content type, answered with the id as text. */
function registerTexts(app: App, { executables, config }: SettingsDeps): void {
  const admin = { tags: ['settings'], params: ExecutableParams, security: SECURITY.admin } as const

  void app.register((plain, _options, done) => {
    const scope = plain.withTypeProvider<TypeBoxTypeProvider>()
    takeRawBodies(scope)

    scope.get(
      '/api/state/:id',
      {
        schema: { ...admin, summary: 'The state, as text', security: SECURITY.usage },
        config: { access: 'usage', rawAnswer: ['text/plain'] },
      },
      async (request, reply) => {
        const executable = await executables.find(toExecutableId(request.params.id))
        return reply.type('text/plain; charset=utf-8').send(executable.state ?? '{}')
      },
    )

    scope.put(
      '/api/state/:id',
      {
        bodyLimit: config.STATE_BYTES_MAX,
        schema: { ...admin, summary: 'Set the state that functions get as their context' },
        config: { access: 'admin', rawBody: ['text/plain'], rawAnswer: ['text/plain'] },
      },
      async (request, reply) => {
        const id = toExecutableId(request.params.id)
        await executables.setState(id, toText(rawBody(request) ?? NO_BYTES, 'state'))
        return reply.type('text/plain; charset=utf-8').send(String(id))
      },
    )

    scope.put(
      '/api/callback/:id',
      {
        schema: {
          ...admin,
          summary: 'Store where results go: HTTP options, a URL, or {} for none',
        },
        config: {
          access: 'admin',
          rawBody: ['application/json', 'text/plain'],
          rawAnswer: ['text/plain'],
        },
      },
      async (request, reply) => {
        const id = toExecutableId(request.params.id)
        const text = toText(rawBody(request) ?? NO_BYTES, 'callback').trim()
        if (text === '') throw new AppError('BAD_REQUEST', 'The body is empty; {} means none.')
        const warnings = await executables.setCallback(id, meansNone(text) ? null : text)
        sendWarnings(reply, warnings)
        return reply.type('text/plain; charset=utf-8').send(String(id))
      },
    )

    scope.delete(
      '/api/callback/:id',
      {
        schema: { ...admin, summary: 'Clear the stored callback' },
        config: { access: 'admin', rawAnswer: ['text/plain'] },
      },
      async (request, reply) => {
        const id = toExecutableId(request.params.id)
        await executables.setCallback(id, null)
        return reply.type('text/plain; charset=utf-8').send(String(id))
      },
    )
    done()
  })
}

function registerTypes(app: App, executables: Executables): void {
  const schema = {
    tags: ['settings'],
    params: ExecutableParams,
    security: SECURITY.admin,
  } as const

  app.put(
    '/api/executables/:id/types',
    {
      schema: {
        ...schema,
        summary: 'Declare the types of functions that the module does not tell; replaces all',
        body: Types,
        response: { 200: WasmId, '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      await executables.setTypes(id, checkTypes(request.body))
      return { wasm_id: id }
    },
  )

  app.get(
    '/api/executables/:id/types',
    {
      schema: {
        ...schema,
        summary: 'The declared types',
        response: { 200: Type.Record(Type.String(), Type.Unknown()), '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const { types } = await executables.find(toExecutableId(request.params.id))
      return { ...types }
    },
  )
}

function registerVariables(app: App, { executables, config }: SettingsDeps): void {
  const schema = {
    tags: ['settings'],
    params: ExecutableParams,
    security: SECURITY.admin,
    response: { 200: VariableNames, '4xx': ErrorBody },
  } as const

  app.put(
    '/api/executables/:id/variables',
    {
      schema: {
        ...schema,
        summary: 'Set the variables that functions see; replaces all; values are never returned',
        body: Variables,
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      checkVariables(request.body, config.VARIABLES_BYTES_MAX)
      await executables.setVariables(id, request.body)
      return { wasm_id: id, variables: Object.keys(request.body).sort() }
    },
  )

  app.get(
    '/api/executables/:id/variables',
    { schema: { ...schema, summary: 'The names of the variables' }, config: { access: 'admin' } },
    async (request) => {
      const { id, variables } = await executables.find(toExecutableId(request.params.id))
      return { wasm_id: id, variables: Object.keys(variables).sort() }
    },
  )
}

/** Names that the runtime itself sets. */
const RESERVED = ['wasm_id', 'wasm_state', 'storage_key']

function checkVariables(variables: Record<string, string>, bytesMax: number): void {
  let bytes = 0
  for (const [name, value] of Object.entries(variables)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.includes(name)) {
      throw new AppError('BAD_REQUEST', `${JSON.stringify(name)} cannot be a variable's name.`)
    }
    if (value.includes('\0')) throw new AppError('BAD_REQUEST', `${name} holds a NUL.`)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > bytesMax) {
    throw new AppError('BODY_TOO_LARGE', `The variables are larger than ${bytesMax} bytes.`, {
      detail: { limit_bytes: bytesMax },
    })
  }
}
