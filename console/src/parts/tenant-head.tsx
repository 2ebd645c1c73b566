// The head of every page of a tenant: the way from its list to this page, and what else the tenant has.
import { linkTo } from '../route.ts'
import type { PageName } from '../route.ts'
import { useWho } from '../who.ts'
import { Head } from './head.tsx'

const TABS = [
  { page: 'endpoints', name: 'Endpoints' },
  { page: 'eventTypes', name: 'Event types' },
  { page: 'messages', name: 'Messages' },
  { page: 'sources', name: 'Sources' },
  { page: 'bins', name: 'Bins' },
  { page: 'tokens', name: 'Tokens' },
] as const satisfies readonly { page: PageName; name: string }[]

interface Props {
  tenant: string
  tab: (typeof TABS)[number]['page']
  /** Of one thing below the tab; absent on the tab's own page. */
  title?: string
}

export function TenantHead({ tenant, tab, title }: Props) {
  const who = useWho()
  const tabs = TABS.filter(({ page }) => who.barredFrom(page) === undefined)
  const here = tabs.find(({ page }) => page === tab)
  const way = [
    ...(who.tenant === null ? [{ name: 'Webhooks', href: linkTo('webhooks') }] : []),
    { name: tenant, href: linkTo(tabs[0]?.page ?? 'messages', { tenant }) },
    ...(title === undefined || here === undefined
      ? []
      : [{ name: here.name, href: linkTo(here.page, { tenant }) }]),
  ]
  const places = tabs.map(({ page, name }) => ({
    ...{ name, href: linkTo(page, { tenant }), here: page === tab },
  }))
  return (
    <Head
      title={title ?? here?.name ?? tenant}
      way={way}
      beside={{ label: `Of the tenant ${tenant}`, places }}
    />
  )
}
