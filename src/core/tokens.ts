// Tokens of tenants: made here, shown once, kept as hashes. What a request shows is looked up in a bounded cache, so
// that routes ask no database; a revocation empties it, in other processes too.
import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Token, TokenRight } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import { createIds } from './ids.ts'
import { hashKey } from './keys.ts'
import { checkTenant } from './tenants.ts'

export interface TokensDeps {
  storage: Storage
  config: Config
  now: () => number
  onError: (error: unknown) => void
}

export interface TokenRequest {
  tenant: string
  rights: readonly TokenRight[]
  description: string
  /** At most one of both; neither: it does not end by itself. */
  expiresAtMs?: number | undefined
  expiresInMs?: number | undefined
}

export type Tokens = ReturnType<typeof createTokens>

/** In the order in which they are shown. */
export const TOKEN_RIGHTS: readonly TokenRight[] = ['read', 'publish', 'manage']

/** By this, people and scanners of repositories tell what leaked. */
const MARK = 'wht_'
const FORM = /^wht_[A-Za-z0-9_-]{43}$/
const PREFIX_CHARS = 8
/** No more than a person would mean. */
const TOKEN_LIFE_MS_MAX = 100 * 365 * 24 * 3_600_000
/** Of each token's last use, which is for people. */
const USES_NOTED_EVERY_MS = 60_000
/** The oldest used goes first. */
const CACHE_ENTRIES = 10_000
/** What is no token is remembered apart, so that strangers push out strangers only. */
const UNKNOWN_ENTRIES = 1_000

/** True for what may be a token of a tenant, and is no other key. */
export function isTokenForm(text: string): boolean {
  return FORM.test(text)
}

export function hasRight({ rights }: Token, right: TokenRight): boolean {
  return rights.includes(right) || rights.includes('manage')
}

export function createTokens({ storage, config, now, onError }: TokensDeps) {
  const newId = createIds(now)
  /** By hash, in the order of their last use; revoked and expired ones too. */
  const cache = new Map<string, Token>()
  /** Hashes. None becomes known later: nobody could ask for a token before it was made. */
  const unknown = new Set<string>()
  /** When each was last noted to be used, by id; as many as the cache has. */
  const noted = new Map<string, number>()
  /** Counts revocations, so that a read begun before one never puts its stale answer into the cache. */
  let revocations = 0

  function forget(): void {
    revocations++
    cache.clear()
    unknown.clear()
  }

  storage.onNotice(({ kind }) => {
    if (kind === 'tokens' || kind === 'all') forget()
  })

  async function lookUp(hash: string): Promise<Token | undefined> {
    const known = cache.get(hash)
    if (known !== undefined) {
      keepNewest(cache, hash, known, CACHE_ENTRIES)
      return known
    }
    if (unknown.has(hash)) return undefined
    const before = revocations
    const found = await storage.tokens.findByHash(hash)
    if (before !== revocations) return found
    if (found !== undefined) keepNewest(cache, hash, found, CACHE_ENTRIES)
    else {
      unknown.add(hash)
      const [oldest] = unknown
      if (unknown.size > UNKNOWN_ENTRIES && oldest !== undefined) unknown.delete(oldest)
    }
    return found
  }

  /** Nobody waits for it. */
  function noteUse({ id, lastUsedAtMs }: Token, nowMs: number): void {
    const lastMs = noted.get(id) ?? lastUsedAtMs
    // A clock that was set back leaves a time to come.
    if (lastMs !== null && lastMs <= nowMs && nowMs - lastMs < USES_NOTED_EVERY_MS) return
    keepNewest(noted, id, nowMs, CACHE_ENTRIES)
    storage.tokens.used(id, nowMs, USES_NOTED_EVERY_MS).catch(onError)
  }

  async function find(id: string): Promise<Token> {
    const token = await storage.tokens.get(id)
    if (token === undefined) throw missing()
    return token
  }

  return {
    find,

    /**
     * @returns the token's text besides, which nobody can ask for again
     * @throws AppError BAD_REQUEST; CONFLICT where there are too many
     */
    async add(request: TokenRequest): Promise<{ token: Token; text: string }> {
      const { tenant, description } = request
      checkTenant(tenant)
      const createdAtMs = now()
      const text = MARK + randomBytes(32).toString('base64url')
      const made = {
        id: newId(),
        tenant,
        rights: TOKEN_RIGHTS.filter((right) => request.rights.includes(right)),
        description,
        prefix: text.slice(0, PREFIX_CHARS),
        createdAtMs,
        expiresAtMs: endOf(request, createdAtMs),
      }
      const limit = config.TOKENS_MAX
      const bounds = { max: limit, nowMs: createdAtMs }
      if (!(await storage.tokens.add({ ...made, hash: hashKey(text) }, bounds))) {
        const sentence = `There are ${limit} tokens, which is the most (TOKENS_MAX); revoke some.`
        throw new AppError('CONFLICT', sentence, { detail: { limit } })
      }
      return { token: { ...made, revokedAtMs: null, lastUsedAtMs: null }, text }
    },

    list(...of: Parameters<typeof storage.tokens.list>) {
      const [{ tenant }] = of
      if (tenant !== undefined) checkTenant(tenant)
      return storage.tokens.list(...of)
    },

    /** It opens nothing from now on, and stays listed. Revoked again it stays as it was. */
    async revoke(id: string): Promise<Token> {
      try {
        const revoked = await storage.tokens.revoke(id, now())
        if (revoked === undefined) throw missing()
        return revoked
      } finally {
        // After a write that failed too: nobody knows how far it came.
        forget()
      }
    },

    /** The live token of this text. @throws AppError WRONG_KEY where it is none */
    async authenticate(text: string): Promise<Token> {
      const token = isTokenForm(text) ? await lookUp(hashKey(text)) : undefined
      if (token === undefined) throw new AppError('WRONG_KEY', 'There is no such token.')
      if (token.revokedAtMs !== null) throw new AppError('WRONG_KEY', 'The token is revoked.')
      const nowMs = now()
      if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) {
        throw new AppError('WRONG_KEY', 'The token has expired.')
      }
      noteUse(token, nowMs)
      return token
    },
  }
}

/** Sets the entry as the newest, and lets go of the oldest past `max`. */
function keepNewest<T>(entries: Map<string, T>, key: string, value: T, max: number): void {
  entries.delete(key)
  entries.set(key, value)
  const oldest = entries.keys().next()
  if (entries.size > max && oldest.done !== true) entries.delete(oldest.value)
}

/** @throws AppError BAD_REQUEST */
function endOf({ expiresAtMs, expiresInMs }: TokenRequest, nowMs: number): number | null {
  if (expiresAtMs !== undefined && expiresInMs !== undefined) {
    throw refusedEnd('Give expires_at or expires_in_ms, not both.', 'expires_in_ms')
  }
  const endMs = expiresInMs === undefined ? expiresAtMs : nowMs + expiresInMs
  if (endMs === undefined) return null
  const field = expiresInMs === undefined ? 'expires_at' : 'expires_in_ms'
  if (endMs <= nowMs) throw refusedEnd(`${field} must be of the future.`, field)
  if (endMs - nowMs > TOKEN_LIFE_MS_MAX) {
    throw refusedEnd(`${field} is more than 100 years away; leave it out for no end.`, field)
  }
  return endMs
}

function refusedEnd(sentence: string, field: string): AppError {
  return new AppError('BAD_REQUEST', sentence, { detail: { field } })
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'There is no such token.')
}
