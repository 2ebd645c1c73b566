// What the product asks of a storage engine for an overview; a part of storage.ts.

export interface QueueOverview {
  /** Of what has not ended, counted as far as is asked for. */
  depth: number
  /** When the next can be, or could have been, worked on; null where nothing waits. */
  oldestDueMs: number | null
}

export interface OverviewStore {
  /** What the database takes of the disk. */
  sizeBytes(): Promise<number>
  /** @param max to which it is counted */
  queuedRuns(max: number): Promise<QueueOverview>
  /** @param max to which it is counted */
  deliveries(max: number): Promise<QueueOverview>
  /** Names of those that have something, in the order of the database; `after` is a name. */
  tenants(page: {
    limit: number
    after?: string | undefined
  }): Promise<{ items: string[]; next: string | null }>
}
