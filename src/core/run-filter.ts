// Which runs a filter lets through, as storage has it.
import type { RunRecord } from '../model.ts'
import type { RunFilter } from '../storage/storage.ts'

export function passes(record: RunRecord, filter: RunFilter): boolean {
  const { executableId, status, errorCode } = filter
  return (
    (executableId === undefined || record.executableId === executableId) &&
    (status === undefined || record.status === status) &&
    (errorCode === undefined || record.errorCode === errorCode)
  )
}
