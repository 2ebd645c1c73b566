// Who may call a route. Each route names its right in `config.access`; a route without one does not start.
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Executables } from '../core/executables.ts'
import { hashKey, keyMatches } from '../core/keys.ts'
import { hasRight, isTokenForm } from '../core/tokens.ts'
import type { Tokens } from '../core/tokens.ts'
import { AppError } from '../errors.ts'
import type { Executable, Grant, Token, TokenRight } from '../model.ts'
import { bearer, toExecutableId, wireHeader } from './wire.ts'

/**
 * open: anybody. token: API_TOKEN, or anybody where none is set. admin, usage: that executable's key.
 * route: the route itself decides, because what it may show depends on the key.
 * read, publish, manage: a tenant's token with that right, or whoever passes `token`, for any tenant; such a route
 * asks `tenantOf` whose things it may touch. scoped: a tenant's token, whatever its rights, or whoever passes `token`.
 */
export type Access = 'open' | 'token' | 'admin' | 'usage' | 'route' | TenantAccess

type TenantAccess = 'scoped' | TokenRight

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
}

type HookDone = (error?: Error) => void

export type KeyGuard = ReturnType<typeof createKeyGuard>

export function createKeyGuard(
  apiToken: string,
  executables: Pick<Executables, 'cached' | 'find'>,
  tokens: Pick<Tokens, 'authenticate'>,
) {
  /** The tokens that requests were let in with. */
  const letIn = new WeakMap<FastifyRequest, Token>()

  function isToken(key: string | undefined): boolean {
    return apiToken !== '' && key !== undefined && equalInConstantTime(key, apiToken)
  }

  function hasAdmin(request: FastifyRequest, executable: Executable): boolean {
    const key = adminKey(request)
    const sent = bearer(request.headers)
    return (
      isToken(sent) ||
      isToken(key) ||
      [key, sent].some((one) => one !== undefined && keyMatches(one, executable.adminKeyHash))
    )
  }

  /** True where the call may run the function: an open one, its usage key, or what opens more. */
  function hasUsage(request: FastifyRequest, executable: Executable): boolean {
    const { usageKeyHash } = executable
    if (usageKeyHash === null) return true
    const keys = [wireHeader(request.headers, 'SSVM_Usage_Key'), bearer(request.headers)]
    return (
      keys.some((key) => key !== undefined && keyMatches(key, usageKeyHash)) ||
      hasAdmin(request, executable)
    )
  }

  function requireToken(request: FastifyRequest): void {
    if (apiToken === '') return
    const keys = [bearer(request.headers), adminKey(request)]
    if (keys.some(isToken)) return
    if (keys.every((key) => key === undefined))
      throw new AppError('MISSING_KEY', 'This route needs the API token.')
    throw new AppError('WRONG_KEY', 'The API token is wrong.')
  }

  function requireAdmin(request: FastifyRequest, executable: Executable): void {
    if (hasAdmin(request, executable)) return
    // Of a delivery or a job nothing else tells whose key opens it.
    const detail = { wasm_id: executable.id }
    if (adminKey(request) === undefined && bearer(request.headers) === undefined) {
      throw new AppError('MISSING_KEY', 'This route needs the SSVM_Admin_Key header.', { detail })
    }
    throw new AppError('WRONG_KEY', `Wrong admin key for executable ${executable.id}.`, { detail })
  }

  /** For what outlives its executable: of one that is gone, or of all, the token opens it. */
  async function requireOwner(
    request: FastifyRequest,
    executableId: number | undefined,
  ): Promise<void> {
    const owner = executableId === undefined ? undefined : await findOwner(executableId)
    if (owner === undefined) requireToken(request)
    else requireAdmin(request, owner)
  }

  async function findOwner(id: number): Promise<Executable | undefined> {
    try {
      return await executables.find(id)
    } catch (error) {
      if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  function requireUsage(request: FastifyRequest, executable: Executable): void {
    if (hasUsage(request, executable)) return
    const sent = wireHeader(request.headers, 'SSVM_Usage_Key') ?? bearer(request.headers)
    if (sent === undefined && adminKey(request) === undefined) {
      throw new AppError('MISSING_KEY', 'This function needs the SSVM_Usage_Key header.')
    }
    throw new AppError('WRONG_KEY', `Wrong usage key for executable ${executable.id}.`)
  }

  /** What a route asks for, before its body is read: a stranger cannot make the server hold one. */
  function guardOf(access: 'admin' | 'usage'): onRequestHookHandler {
    const require = access === 'admin' ? requireAdmin : requireUsage
    const check = (request: FastifyRequest, executable: Executable): Error | undefined => {
      try {
        require(request, executable)
        return undefined
      } catch (error) {
        return error as Error
      }
    }
    return (request, _reply, done) => {
      let id: number
      try {
        id = toExecutableId((request.params as { id: string }).id)
      } catch (error) {
        done(error as Error)
        return
      }
      // Nearly every executable that is called is in the cache; a promise would cost more than this.
      const cached = executables.cached(id)
      if (cached !== undefined) {
        done(check(request, cached))
        return
      }
      executables.find(id).then((found) => done(check(request, found)), done)
    }
  }

  function guardToken(request: FastifyRequest, _reply: FastifyReply, done: HookDone): void {
    try {
      requireToken(request)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  async function requireTenant(request: FastifyRequest, access: TenantAccess): Promise<void> {
    const sent = bearer(request.headers)
    // Whoever shows a tenant's token acts as that tenant, on loopback too.
    if (sent === undefined || isToken(sent) || !isTokenForm(sent)) {
      requireToken(request)
      return
    }
    const token = await tokens.authenticate(sent)
    if (access !== 'scoped' && !hasRight(token, access)) {
      throw new AppError('MISSING_RIGHT', `The token has not the right to ${access}.`, {
        detail: { right: access },
      })
    }
    letIn.set(request, token)
  }

  function guardTenant(access: TenantAccess): onRequestHookHandler {
    return (request, _reply, done) => {
      requireTenant(request, access).then(() => done(), done)
    }
  }

  function guardFor(access: Exclude<Access, 'open' | 'route'>): onRequestHookHandler {
    if (access === 'token') return guardToken
    return access === 'admin' || access === 'usage' ? guardOf(access) : guardTenant(access)
  }

  return {
    hasAdmin,
    hasUsage,
    /** The tenant's token that the request was let in with; undefined: it is the operator's. */
    tokenOf: (request: FastifyRequest): Token | undefined => letIn.get(request),
    /**
     * Whose things the request is about: the token's tenant, or the one that the operator names.
     * @throws AppError NOT_FOUND where a token names another tenant; BAD_REQUEST where the operator names none
     */
    tenantOf(request: FastifyRequest, named: string | undefined): string {
      const own = letIn.get(request)?.tenant
      const tenant = named ?? own
      if (tenant === undefined) {
        throw new AppError('BAD_REQUEST', 'tenant is missing.', { detail: { field: 'tenant' } })
      }
      if (own !== undefined && own !== tenant) {
        throw new AppError('NOT_FOUND', 'There is no such tenant.')
      }
      return tenant
    },
    /**
     * Of a route that takes other keys too: the tenant whose token was sent; undefined where it was none.
     * @throws AppError WRONG_KEY, MISSING_RIGHT
     */
    async tenantSent(request: FastifyRequest, right: TokenRight): Promise<string | undefined> {
      const sent = bearer(request.headers)
      if (sent === undefined || isToken(sent) || !isTokenForm(sent)) return undefined
      await requireTenant(request, right)
      return letIn.get(request)?.tenant
    },
    /**
     * Of lists by filter: what a tenant's token adds to it; nothing for whoever else owns what it finds.
     * @throws AppError as requireOwner, WRONG_KEY, MISSING_RIGHT; NOT_FOUND where the filter is about another's things
     */
    async tenantForFilter(
      request: FastifyRequest,
      right: TokenRight,
      filter: { executableId?: number | undefined; tenant?: string | undefined },
    ): Promise<{ tenant?: string }> {
      const { executableId } = filter
      const tenant = await this.tenantSent(request, right)
      if (tenant === undefined) {
        await requireOwner(request, executableId)
        return {}
      }
      if (executableId !== undefined) {
        throw new AppError('NOT_FOUND', 'The tenant has no such executable.')
      }
      return { tenant: this.tenantOf(request, filter.tenant) }
    },
    sentKey: (request: FastifyRequest): boolean =>
      [
        adminKey(request),
        wireHeader(request.headers, 'SSVM_Usage_Key'),
        bearer(request.headers),
      ].some((key) => key !== undefined),
    /**
     * By what the request may name the executable elsewhere.
     * @throws AppError MISSING_KEY, WRONG_KEY
     */
    grantOf(request: FastifyRequest, executable: Executable): Grant {
      const { adminKeyHash, usageKeyHash } = executable
      const sent = [
        bearer(request.headers),
        adminKey(request),
        wireHeader(request.headers, 'SSVM_Usage_Key'),
      ].filter((key) => key !== undefined)
      if (sent.some(isToken)) return { by: 'token', keyHash: hashKey(apiToken) }
      if (sent.some((key) => keyMatches(key, adminKeyHash))) {
        return { by: 'admin', keyHash: adminKeyHash }
      }
      if (usageKeyHash === null) return { by: 'open' }
      if (sent.some((key) => keyMatches(key, usageKeyHash))) {
        return { by: 'usage', keyHash: usageKeyHash }
      }
      const others = sent.filter((key) => !isTokenForm(key))
      if (others.length === 0) {
        throw new AppError('MISSING_KEY', 'Naming this function needs a key of its executable.')
      }
      throw new AppError('WRONG_KEY', `Wrong key for executable ${executable.id}.`)
    },
    requireToken,
    requireAdmin,
    requireOwner,
    register(app: FastifyInstance): void {
      app.addHook('onRoute', (route) => {
        const access = route.config?.access
        if (access === undefined) {
          throw new Error(`${String(route.method)} ${route.url} does not say who may call it.`)
        }
        if (access === 'open' || access === 'route') return
        route.onRequest = [route.onRequest ?? [], guardFor(access)].flat()
      })
    },
  }
}

function adminKey(request: FastifyRequest): string | undefined {
  return wireHeader(request.headers, 'SSVM_Admin_Key')
}

function equalInConstantTime(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
