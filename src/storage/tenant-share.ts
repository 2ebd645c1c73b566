// The number under which a tenant's deliveries take their share of the attempts, and under which they are listed,
// beside the numbers of executables.
import { createHash } from 'node:crypto'

const NUMBER_BYTES = 6

/** Below zero; that two tenants get the same one is as good as impossible, and would have them share a cap. */
export function shareOfTenant(tenant: string): number {
  return -1 - createHash('sha256').update(tenant).digest().readUIntBE(0, NUMBER_BYTES)
}
