// Leave to name an executable that is not one's own: given by a key that was shown once, and gone when that key is.
import type { Executable, Grant } from '../model.ts'

/** Whether the grant still holds. */
export function isGranted(
  { adminKeyHash, usageKeyHash }: Pick<Executable, 'adminKeyHash' | 'usageKeyHash'>,
  grant: Grant,
  /** Of API_TOKEN. */
  tokenHash: string,
): boolean {
  switch (grant.by) {
    case 'token':
      return tokenHash === grant.keyHash
    case 'open':
      return usageKeyHash === null
    case 'admin':
      return adminKeyHash === grant.keyHash
    case 'usage':
      return usageKeyHash === grant.keyHash
  }
}
