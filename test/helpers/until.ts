// Waits for a state of the sandbox by asking, never by the clock.
import type { TestApp } from './build-app.ts'

export interface SandboxState {
  running: number
  queued: number
  /** Calls that wait for their turn to write to function storage. */
  queuedToWrite: number
}

/** Asks until the sandbox is in the state waited for; each answer comes after the one before. */
export async function until(
  app: TestApp,
  reached: (sandbox: SandboxState) => boolean,
): Promise<void> {
  for (;;) {
    const response = await app.request('/readyz')
    const ready = (await response.json()) as { sandbox: SandboxState }
    if (reached(ready.sandbox)) return
  }
}
