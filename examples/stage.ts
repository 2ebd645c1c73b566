// What an example plays on: a Wasmhook server that it talks to as any program would, and services of its own that
// receive and answer. Each request and its answer are told.
import { setTimeout as wait } from 'node:timers/promises'
import { httpService } from '../test/helpers/http-service.ts'
import type { Handler, HttpService, Received } from '../test/helpers/http-service.ts'

type Json = Record<string, unknown>
type Keys = Readonly<Record<string, string>>

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

  post(path: string, body: Json = {}, keys: Keys = {}): Promise<Json> {
    return this.#told('POST', path, body, keys)
  }

  put(path: string, body: Json, keys: Keys): Promise<Json> {
    return this.#told('PUT', path, body, keys)
  }

  /** Makes an executable of a module. */
  async upload(wasm: Buffer): Promise<Json> {
    const answer = await this.#ask('POST', '/api/executables', wasm, {
      'content-type': 'application/octet-stream',
    })
    this.tell(`POST /api/executables, ${wasm.length} bytes`, JSON.stringify(answer))
    return answer
  }

  /** Tells a request and its answer. */
  tell(request: string, answer: string): void {
    this.#options.say(`\n${request}`)
    this.#options.say(`     ${answer}`)
  }

  /** Waits until a service has received so many requests. */
  async received({ received }: HttpService, count: number): Promise<Received[]> {
    while (received.length < count) await wait(LOOK_MS)
    return received
  }

  /** Asks for something until it is as it should be. */
  async until(path: string, reached: (answer: Json) => boolean): Promise<Json> {
    for (;;) {
      const answer = await this.get(path)
      if (reached(answer)) return answer
      await wait(LOOK_MS)
    }
  }

  async #told(method: string, path: string, body: Json, keys: Keys): Promise<Json> {
    const json = JSON.stringify(body)
    const answer = await this.#ask(method, path, json, {
      'content-type': 'application/json',
      ...keys,
    })
    this.tell(`${method} ${path} ${json}`, JSON.stringify(answer))
    return answer
  }

  async #ask(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Keys = {},
  ): Promise<Json> {
    const { origin, token } = this.#options
    const answer = await fetch(origin + path, {
      method,
      headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`)
    return JSON.parse(text) as Json
  }
}
