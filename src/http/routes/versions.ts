// The kept binaries of an executable, and going back to one.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import { AppError } from '../../errors.ts'
import type { Version } from '../../model.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, ExecutableParams, PageQuery, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'
import { toExecutableId } from '../wire.ts'

const VersionShape = Type.Object({
  version: Type.Integer(),
  active: Type.Boolean(),
  wasm_sha256: Type.String(),
  size_bytes: Type.Integer(),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
})

export function registerVersions(app: App, { executables }: { executables: Executables }): void {
  app.get(
    '/api/executables/:id/versions',
    {
      schema: {
        summary: 'Kept versions, newest first',
        tags: ['executables'],
        params: ExecutableParams,
        querystring: PageQuery,
        security: SECURITY.admin,
        response: {
          200: Type.Object({
            items: Type.Array(VersionShape),
            next: Type.Union([Type.String(), Type.Null()]),
          }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const executable = await executables.find(toExecutableId(request.params.id))
      const limit = readLimit(request.query.limit)
      const before = readNumber(request.query.cursor)
      const versions = (await executables.listVersions(executable.id)).filter(
        (version) => version.number < before,
      )
      const page = versions.slice(0, limit)
      const next = versions.length > limit ? String(page.at(-1)?.number) : null
      return { items: page.map((version) => toWire(version, executable.version.number)), next }
    },
  )

  app.post(
    '/api/executables/:id/versions/:version/activate',
    {
      schema: {
        summary: 'Roll back (or forward) to a kept version',
        tags: ['executables'],
        params: Type.Object({ id: Type.String(), version: Type.String() }),
        security: SECURITY.admin,
        response: { 200: VersionShape, '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const { id, version } = request.params
      if (!/^[1-9]\d{0,9}$/.test(version)) {
        throw new AppError('NOT_FOUND', 'There is no such version.')
      }
      const active = await executables.activate(toExecutableId(id), Number(version))
      return toWire(active, active.number)
    },
  )
}

/** A version's number as a cursor; none begins at the newest. */
function readNumber(cursor: string | undefined): number {
  if (cursor === undefined) return Infinity
  if (/^[1-9]\d{0,9}$/.test(cursor)) return Number(cursor)
  throw new AppError('BAD_REQUEST', 'cursor must be `next` of the page before.')
}

function toWire(version: Version, activeNumber: number) {
  return {
    version: version.number,
    active: version.number === activeNumber,
    wasm_sha256: `0x${version.sha256}`,
    size_bytes: version.sizeBytes,
    created_at: toTime(version.createdAtMs),
  }
}
