// The end of a message's payload, asked for by its owner: from the first write on nothing of it is sent or shown; then all
// goes that was made of it. What a crash leaves undone, retention does.
import type { Storage } from '../storage/storage.ts'

/** Why a delivery was canceled. */
const REASON = 'payload_expunged'

/** Of a message that is marked as expunged. */
export async function finishExpunging(
  storage: Pick<Storage, 'deliveries' | 'deliveryRetention' | 'messages'>,
  messageId: string,
  nowMs: number,
): Promise<void> {
  await storage.deliveries.cancelAll({ messageId }, REASON, nowMs)
  while ((await storage.deliveryRetention.dropPayloadsOf(messageId)) > 0);
  await storage.messages.endExpunging(messageId)
}
