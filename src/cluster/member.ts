// The same processes seen from one of them: how it speaks with the one that began it. Where that dies, Node.js
// ends this one at once.
import cluster from 'node:cluster'
import { createChannel } from './channel.ts'
import type { Item, Remote } from './channel.ts'

/** @param ours what the primary may ask */
export function joinCrew<Primary extends object>(ours: object): Remote<Primary> {
  const { worker } = cluster
  if (worker === undefined) throw new Error('Only a worker process joins.')
  const channel = createChannel<Primary>((items) => worker.send(items), ours)
  worker.on('message', (items: Item[]) => channel.receive(items))
  return channel.theirs
}
