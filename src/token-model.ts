// Plain types of tenants' tokens; a part of model.ts.

/** What a token opens of its tenant; `manage` includes the others, which do not include each other. */
export type TokenRight = 'read' | 'publish' | 'manage'

/** A key to what is one tenant's. What it is made of is shown once and kept as a hash. */
export interface Token {
  /** UUID v7. */
  id: string
  tenant: string
  /** As they were given, in the order of the type. */
  rights: readonly TokenRight[]
  description: string
  /** Its first characters, by which people tell it from others. */
  prefix: string
  createdAtMs: number
  /** It opens nothing from then on; null: it does not end by itself. */
  expiresAtMs: number | null
  revokedAtMs: number | null
  /** To about a minute. */
  lastUsedAtMs: number | null
}
