// What an example plays on: a Wasmhook server that it talks to as any program would, and services of its own that
// receive and answer. Each request and its answer are told.
import { setTimeout as wait } from 'node:timers/promises'
import { httpService } from '../test/helpers/http-service.ts'
import type { Handler, HttpService } from '../test/helpers/http-service.ts'

type Json = Record<string, unknown>

export interface StageOptions {
  /** Of the server. */
  origin: string
  /** API_TOKEN or a tenant's token; empty where the server asks for none. */
  token: string
  say: (line: string) => void
  /** Keeps what has to be closed at the end. */
  scope: { after: (end: () => unknown) => void }
  /** Between two tries of a delivery. */
  pauseMs: number
}

const LOOK_MS = 50

export class Stage {
  readonly #options: StageOptions

  constructor(options: StageOptions) {
    this.#options = options
  }

  get pauseMs(): number {
    return this.#options.pauseMs
  }

  say(line: string): void {
    this.#options.say(`\n# ${line}`)
  }

  /** A service on this machine that answers as it is told. */
  service(handler: Handler): Promise<HttpService> {
    return httpService(this.#options.scope, handler)
  }

  get(path: string): Promise<Json> {
    return this.#ask('GET', path)
  }

  async post(path: string, body: Json = {}): Promise<Json> {
    const { say } = this.#options
    say(`\nPOST ${path} ${JSON.stringify(body)}`)
    const answer = await this.#ask('POST', path, body)
    say(`     ${JSON.stringify(answer)}`)
    return answer
  }

  /** Asks for something until it is as it should be. */
  async until(path: string, reached: (answer: Json) => boolean): Promise<Json> {
    for (;;) {
      const answer = await this.get(path)
      if (reached(answer)) return answer
      await wait(LOOK_MS)
    }
  }

  async #ask(method: string, path: string, body?: Json): Promise<Json> {
    const { origin, token } = this.#options
    const answer = await fetch(origin + path, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`)
    return JSON.parse(text) as Json
  }
}
