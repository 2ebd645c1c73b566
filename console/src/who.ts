// Whose the token of this tab is, the operator's or a tenant's with its rights, and which pages it opens.
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { whoAmI } from './client.ts'
import type { PageName, Route } from './route.ts'

/** The operator's tenant is null. */
export type Who = Pick<Awaited<ReturnType<typeof whoAmI>>, 'tenant' | 'rights'>

export const WhoContext = createContext<Who>({ tenant: null, rights: [] })

interface May {
  tenant: string | null
  mayRead: boolean
  mayPublish: boolean
  mayManage: boolean
  /** A sentence where the page is not for this token. */
  barredFrom: (page: PageName, params?: Route['params']) => string | undefined
}

export function useWho(): May {
  return mayOf(useContext(WhoContext))
}

/** Of all of the server. */
const OF_OPERATOR: readonly PageName[] = ['functions', 'runs', 'tokens', 'system']
/** What they show depends on the token, or on the admin key of a function. */
const OF_ANYBODY: readonly PageName[] = ['webhooks', 'messages', 'function', 'settings', 'run']

export function mayOf({ tenant, rights }: Who): May {
  const mayManage = rights.includes('manage')
  const may = (right: Who['rights'][number]) => mayManage || rights.includes(right)

  function barredFrom(page: PageName, { tenant: named }: Route['params'] = {}) {
    if (tenant === null) return undefined
    if (OF_OPERATOR.includes(page)) {
      return "This page is the operator's. Sign in with the API_TOKEN of the server to see it."
    }
    if (named !== undefined && named !== tenant) {
      return `This is a token of the tenant ${tenant}, which sees nothing of ${named}.`
    }
    return may('read') || OF_ANYBODY.includes(page)
      ? undefined
      : 'This page needs the right to read, which this token does not have.'
  }

  return { tenant, mayRead: may('read'), mayPublish: may('publish'), mayManage, barredFrom }
}
