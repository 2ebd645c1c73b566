// Whose the token of this tab is: the operator's, or a tenant's with its rights.
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { whoAmI } from './api/client.ts'

/** The operator's tenant is null. */
export type Who = Pick<Awaited<ReturnType<typeof whoAmI>>, 'tenant' | 'rights'>

export const WhoContext = createContext<Who>({ tenant: null, rights: [] })

export function useWho(): { tenant: string | null; mayManage: boolean; mayPublish: boolean } {
  const { tenant, rights } = useContext(WhoContext)
  const mayManage = rights.includes('manage')
  return { tenant, mayManage, mayPublish: mayManage || rights.includes('publish') }
}
