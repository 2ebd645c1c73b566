// Ids of runs.
import { createIds } from './ids.ts'

export const newRunId = createIds(Date.now)
