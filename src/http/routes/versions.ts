// The kept binaries of an executable, and going back to one.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import { AppError } from '../../errors.ts'
import type { Version } from '../../model.ts'
import { ErrorBody, ExecutableParams, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
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
        security: SECURITY.admin,
        response: {
          200: Type.Object({ items: Type.Array(VersionShape), next: Type.Null() }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const executable = await executables.find(toExecutableId(request.params.id))
      const versions = await executables.listVersions(executable.id)
      const items = versions.map((version) => toWire(version, executable.version.number))
      return { items, next: null }
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

function toWire(version: Version, activeNumber: number) {
  return {
    version: version.number,
    active: version.number === activeNumber,
    wasm_sha256: `0x${version.sha256}`,
    size_bytes: version.sizeBytes,
    created_at: new Date(version.createdAtMs).toISOString(),
  }
}
