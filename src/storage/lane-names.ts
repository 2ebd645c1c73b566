// Names of lanes in which deliveries wait: an origin, or `<origin>#<endpoint_id>` of an endpoint that has one to itself.
import type { EndpointSettings } from '../model.ts'

/** An origin has none. */
const MARK = '#'

/** Where deliveries to an endpoint wait. */
export function laneOf(
  id: string,
  { target, settings }: { target: string; settings: EndpointSettings },
): string {
  const plain = settings.rateLimit === null && settings.maxInFlight === null
  return plain ? target : `${target}${MARK}${id}`
}

/** A delivery's columns that tell where it waits. */
export function placeIn(lane: string): { lane: string; own_target: string | null } {
  const [target = lane] = lane.split(MARK)
  return { lane, own_target: target === lane ? null : target }
}

/** The endpoint whose own the lane is. */
export function ownerOfLane(lane: string): string | undefined {
  return lane.split(MARK)[1]
}
