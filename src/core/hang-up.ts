// A caller who may hang up before the answer has left.

/**
 * Cheaper than an AbortSignal, which costs more than all else that a request is given; one is made
 * only for whoever asks.
 */
export class HangUp {
  #left = false
  #controller: AbortController | undefined
  /** What ends early when the caller leaves. There is one such thing at a time. */
  onLeave: (() => void) | undefined

  get left(): boolean {
    return this.#left
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#left) this.#controller.abort()
    }
    return this.#controller.signal
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#controller?.abort()
    this.onLeave?.()
  }
}
