// A sandbox that is one of several: an executable's calls at once are a total over all processes. A cap that
// is large enough is divided, which costs a call nothing; under a smaller one each call takes its turn.
import type { Invocation, Profile, Sandbox } from '../sandbox/sandbox.ts'
import type { Wait } from './lane.ts'
import { shareOf } from './share.ts'
import type { Share } from './share.ts'
import type { Turns } from './turns.ts'

/** Calls at once that a process has to have of its own: with one, a long call would hold up all others there. */
const OWN_CALLS = 2

/** A cap too small to be divided. */
interface Narrow {
  name: string
  wait: Omit<Wait, 'leaving'>
}

export function spreadSandbox(sandbox: Sandbox, deps: { share: Share; turns: Turns }): Sandbox {
  const { share, turns } = deps
  /** Profiles whose calls take turns. */
  const narrow = new WeakMap<Profile, Narrow>()

  async function inTurn(invocation: Invocation, { name, wait }: Narrow) {
    const begun = performance.now()
    const end = await turns.take(name, { ...wait, leaving: invocation.leaving })
    try {
      const waitedUs = Math.round((performance.now() - begun) * 1000)
      const result = await sandbox.invoke(invocation)
      return { ...result, queueUs: result.queueUs + waitedUs }
    } finally {
      end()
    }
  }

  return {
    ...sandbox,
    profile(options) {
      const { concurrency, queueLength, queueWaitMs } = options.limits
      const divided = concurrency >= OWN_CALLS * share.of
      const limits = {
        ...options.limits,
        concurrency: divided ? shareOf(concurrency, share) : concurrency,
        // Rounded up: where a few may wait, they may wait anywhere.
        queueLength: Math.ceil(queueLength / share.of),
      }
      const profile = sandbox.profile({ ...options, limits })
      if (!divided) {
        narrow.set(profile, {
          name: `calls:${options.group}`,
          wait: { ms: Math.max(1, queueWaitMs), length: queueLength, places: concurrency },
        })
      }
      return profile
    },
    invoke(invocation) {
      const taken = narrow.get(invocation.profile)
      return taken === undefined ? sandbox.invoke(invocation) : inTurn(invocation, taken)
    },
  }
}
