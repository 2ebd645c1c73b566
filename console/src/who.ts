// Whose the token of this tab is: the operator's, or a tenant's with its rights.
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { whoAmI } from './client.ts'

/** The operator's tenant is null. */
export type Who = Pick<Awaited<ReturnType<typeof whoAmI>>, 'tenant' | 'rights'>

export const WhoContext = createContext<Who>({ tenant: null, rights: [] })

interface May {
  tenant: string | null
  mayRead: boolean
  mayPublish: boolean
  mayManage: boolean
}

export function useWho(): May {
  const { tenant, rights } = useContext(WhoContext)
  const mayManage = rights.includes('manage')
  const may = (right: Who['rights'][number]) => mayManage || rights.includes(right)
  return { tenant, mayRead: may('read'), mayPublish: may('publish'), mayManage }
}
