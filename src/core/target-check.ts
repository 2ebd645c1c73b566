// Refuses targets that could never be sent to, as soon as they are named: what stands in their URL is enough.
// Where a name leads, each attempt finds out by itself.
import { AppError } from '../errors.ts'
import type { Callback } from '../model.ts'
import { OutboundError } from '../outbound/outbound.ts'
import type { Outbound } from '../outbound/outbound.ts'

/** @throws AppError ADDRESS_REFUSED */
export type TargetCheck = (target: Callback) => void

export function createTargetCheck(outbound: Pick<Outbound, 'check'>): TargetCheck {
  return (target) => {
    if (target === undefined || target === 'none') return
    try {
      outbound.check(target)
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      const detail = { target: { class: error.class } }
      throw new AppError('ADDRESS_REFUSED', error.message, { detail, cause: error })
    }
  }
}
