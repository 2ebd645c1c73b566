// What an endpoint's owner may say of it, and what holds where nothing was said.
import type { EndpointSettings } from './model.ts'

export const DEFAULT_SETTINGS: EndpointSettings = {
  bodyStyle: 'envelope',
  signatureStyle: 'standard',
  payloadFilter: null,
  filter: null,
  transform: null,
  ordered: null,
  target: null,
  delayMs: 0,
  rateLimit: null,
  maxInFlight: null,
}

/** True where something has to be done with what it is sent before. */
export function needsPreparation(settings: EndpointSettings): boolean {
  const { payloadFilter, filter, transform, signatureStyle } = settings
  const unconditional = payloadFilter === null && filter === null
  return !unconditional || transform !== null || signatureStyle === 'token'
}

type Named = { [K in keyof EndpointSettings]?: EndpointSettings[K] | undefined }

/** What is named replaces what was before. */
export function changedSettings(
  before: EndpointSettings = DEFAULT_SETTINGS,
  named: Named = {},
): EndpointSettings {
  const said = Object.entries(named).filter(([, value]) => value !== undefined)
  return { ...before, ...(Object.fromEntries(said) as Partial<EndpointSettings>) }
}
