// Leave to name an executable that is not one's own: given by a key that was shown once, and gone when that key is.
import type { Executable, Grant } from '../model.ts'

/** Whether the grant still holds. */
export function isGranted(
  { adminKeyHash, usageKeyHash }: Pick<Executable, 'adminKeyHash' | 'usageKeyHash'>,
  grant: Grant,
): boolean {
  switch (grant.by) {
    case 'token':
      return true
    case 'open':
      return usageKeyHash === null
    case 'admin':
      return adminKeyHash === grant.keyHash
    case 'usage':
      return usageKeyHash === grant.keyHash
  }
}
