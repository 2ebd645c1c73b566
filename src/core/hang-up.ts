// What may end a request's work before its time: its caller hangs up, or somebody has the run ended.

/**
 * Cheaper than an AbortSignal, which costs more than all else that a request is given; one is made
 * only for whoever asks.
 */
export class HangUp {
  #left = false
  #interrupted = false
  #detached = false
  #controller: AbortController | undefined
  /** What ends early: on leaving what has not begun, on an interrupt whatever goes on. There is one at a time. */
  onLeave: ((interrupted: boolean) => void) | undefined

  /** Nothing new is to begin. */
  get left(): boolean {
    return this.#interrupted || (this.#left && !this.#detached)
  }

  /** Not even what has begun is to go on. */
  get interrupted(): boolean {
    return this.#interrupted
  }

  /** Aborts as soon as `left` is true. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.left) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** The caller has hung up. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    if (this.#detached || this.#interrupted) return
    this.#controller?.abort()
    this.onLeave?.(false)
  }

  /** The result goes elsewhere too: from now on it does not matter whether the caller is there. */
  detach(): void {
    if (this.#detached) return
    this.#detached = true
    // It may have aborted for a reason that counts no more.
    this.#controller = undefined
  }

  interrupt(): void {
    if (this.#interrupted) return
    this.#interrupted = true
    this.#controller?.abort()
    this.onLeave?.(true)
  }
}
