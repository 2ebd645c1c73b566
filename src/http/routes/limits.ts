// What an owner sets of the limits of an executable's calls.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import { LIMIT_NAMES, ownersNameOf } from '../../core/limits.ts'
import type { Limits } from '../../core/limits.ts'
import type { CallLimits, Executable } from '../../model.ts'
import { ErrorBody, ExecutableParams, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toExecutableId } from '../wire.ts'

export interface LimitsDeps {
  executables: Executables
  limits: Limits
}

const Whole = Type.Union([Type.Integer(), Type.Null()], {
  description: 'null or absent: the default',
})
const Body = Type.Object(
  Object.fromEntries(LIMIT_NAMES.map((name) => [ownersNameOf(name), Type.Optional(Whole)])),
  { additionalProperties: false },
)
const Told = Type.Object({
  value: Type.Integer({ description: 'What holds' }),
  own: Type.Union([Type.Integer(), Type.Null()], { description: 'What the owner set' }),
  default: Type.Integer(),
  floor: Type.Integer(),
  ceiling: Type.Integer(),
  unit: Type.String(),
})
const Answer = Type.Object({ wasm_id: Type.Integer(), limits: Type.Record(Type.String(), Told) })

export function registerLimits(app: App, { executables, limits }: LimitsDeps): void {
  const schema = {
    tags: ['settings'],
    params: ExecutableParams,
    security: SECURITY.admin,
    response: { 200: Answer, '4xx': ErrorBody },
  } as const

  function tell(executable: Executable) {
    return {
      wasm_id: executable.id,
      limits: Object.fromEntries(
        LIMIT_NAMES.map((name) => [ownersNameOf(name), limits.tell(executable, name)]),
      ),
    }
  }

  app.get(
    '/api/executables/:id/limits',
    {
      schema: { ...schema, summary: 'Every limit of a call: what holds, the default, the ceiling' },
      config: { access: 'admin' },
    },
    async (request) => tell(await executables.find(toExecutableId(request.params.id))),
  )

  app.put(
    '/api/executables/:id/limits',
    {
      schema: { ...schema, summary: 'Set limits of a call; replaces all', body: Body },
      config: { access: 'admin' },
    },
    async (request) => {
      const id = toExecutableId(request.params.id)
      const own = toModel(request.body as Record<string, number | null>)
      limits.check(own)
      await executables.setLimits(id, own)
      return tell(await executables.find(id))
    },
  )
}

function toModel(body: Readonly<Record<string, number | null>>): Partial<CallLimits> {
  const own: Partial<CallLimits> = {}
  for (const name of LIMIT_NAMES) {
    const value = body[ownersNameOf(name)]
    if (value !== undefined && value !== null) own[name] = value
  }
  return own
}
