// Work that need not be waited for once nobody has time for it any more.

/** What the work comes to, or nothing at the abort. */
export function orCut<T>(work: Promise<T>, cut: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined)
    if (cut.aborted) abort()
    cut.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => cut.removeEventListener('abort', abort))
  })
}
