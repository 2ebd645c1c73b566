// The receiver as its parent sees it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, ReceiverReport } from './receiver.ts'

export interface Receiver {
  /** Ports of the targets. */
  targets: number[]
  /** Port from which inputs are fetched. */
  upstream: number
  /** From now on it takes what arrives. */
  behave(): void
  report(): Promise<ReceiverReport>
  close(): void
}

export async function startReceiver(seed: number): Promise<Receiver> {
  const script = fileURLToPath(new URL('receiver.ts', import.meta.url))
  const child = fork(script, [String(seed)], { execArgv: ['--import', 'tsx'] })
  const [ports] = (await once(child, 'message')) as [{ targets: number[]; upstream: number }]
  const tell = (order: Order): void => void child.send(order)
  return {
    ...ports,
    behave: () => tell({ kind: 'behave' }),
    async report() {
      const told = once(child, 'message')
      tell({ kind: 'report' })
      const [report] = (await told) as [ReceiverReport]
      return report
    },
    close: () => child.disconnect(),
  }
}
