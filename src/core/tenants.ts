// Tenants: whose events, endpoints and messages are kept apart. A tenant is its name; it is there as soon as
// something is of it.
import { AppError } from '../errors.ts'
import type { Storage } from '../storage/storage.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export type Tenants = ReturnType<typeof createTenants>

export function createTenants({ overview }: Pick<Storage, 'overview'>) {
  return {
    /** Those there are, by name. @throws AppError BAD_REQUEST where `after` is no name */
    async list(page: Parameters<typeof overview.tenants>[0]) {
      if (page.after !== undefined && !isTenantName(page.after)) {
        throw new AppError('BAD_REQUEST', 'cursor must be `next` of the page before.')
      }
      return overview.tenants(page)
    },
  }
}

export function isTenantName(text: string): boolean {
  return NAME.test(text)
}

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function checkTenant(tenant: string): void {
  if (isTenantName(tenant)) return
  throw new AppError(
    'BAD_REQUEST',
    'tenant must be 1 to 64 letters, digits, dots, hyphens or underscores, the first a letter or digit.',
    { detail: { field: 'tenant' } },
  )
}
