// Where a tenant's events go.
import { TenantHead } from '../parts/tenant-head.tsx'

export function Endpoints({ tenant }: { tenant: string }) {
  return <TenantHead tenant={tenant} tab="endpoints" />
}
