// What the product asks of a storage engine for tenants' tokens; a part of storage.ts.
import type { Token } from '../model.ts'

export type NewToken = Omit<Token, 'revokedAtMs' | 'lastUsedAtMs'> & {
  /** Hex sha256 of what its holder sends. */
  hash: string
}

export interface TokenStore {
  /**
   * False, and nothing is stored, where `max` of all tenants still open something. Where dead ones take the
   * room, those that have been dead for the longest are deleted.
   */
  add(token: NewToken, bounds: { max: number; nowMs: number }): Promise<boolean>
  get(id: string): Promise<Token | undefined>
  /** Revoked and expired ones too. */
  findByHash(hash: string): Promise<Token | undefined>
  /** Newest first; `before` is an id. */
  list(
    filter: { tenant?: string | undefined },
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: Token[]; next: string | null }>
  /** The time of the first revocation stays; undefined where there is no such token. Others are told. */
  revoke(id: string, nowMs: number): Promise<Token | undefined>
  /** Notes its last use, unless one is noted that is less than `everyMs` from it. */
  used(id: string, nowMs: number, everyMs: number): Promise<void>
}
