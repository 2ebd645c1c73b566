// What routes are about, made through the API: for each `{id}` in a path something real stands in it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { ASKED, exampleFor } from './api-examples.ts'
import { takes } from './api-description.ts'
import type { Route } from './api-description.ts'
import { call, upload } from './client.ts'
import type { Caller, Uploaded } from './client.ts'
import { example } from './guests.ts'

/** Whose a thing is that both may have: a delivery is of a tenant's message or of an executable's result. */
export type Owner = 'tenant' | 'executable'

export interface ThingsOptions {
  app: Caller
  /** API_TOKEN */
  token: string
  tenant: string
  /** A URL of a service of the test. */
  target: string
}

/** A request that only lacks the key that it is sent with. */
export interface ApiRequest {
  url: string
  method: string
  headers: Record<string, string>
  body?: string | Buffer
  /** The executable that it is about, or one that has nothing to do with it. */
  executable: Uploaded
}

interface Making {
  executable: Uploaded
  owner: Owner
  /** What stands before it in the path. */
  values: Readonly<Record<string, string>>
}

export class Things {
  readonly #options: ThingsOptions

  constructor(options: ThingsOptions) {
    this.#options = options
  }

  /** Makes the event type of what is published, and an endpoint that wants it. */
  async begin(): Promise<void> {
    const { tenant, target } = this.#options
    await this.#post('/api/event-types', { tenant, name: 'thing.happened' })
    await this.#post('/api/endpoints', { tenant, url: target, event_types: ['thing.happened'] })
  }

  /**
   * A call of the route that would succeed, about things made for it alone.
   * @param named whether it says which tenant is meant, where it can
   */
  async request(
    route: Route,
    { owner = 'tenant', named = true }: { owner?: Owner; named?: boolean } = {},
  ): Promise<ApiRequest> {
    const { tenant, target } = this.#options
    const executable = await this.executable()
    const values = await this.parameters(route, executable, owner)
    const path = route.path.replace(/\{(\w+)\}/g, (_whole, parameter: string) =>
      encodeURIComponent(values[parameter] ?? ''),
    )
    const known: Record<string, unknown> =
      owner === 'executable' ? { wasm_id: executable.id } : named ? { tenant } : {}
    const asked = ASKED[route.name]
    const query = new URLSearchParams(asked?.query)
    for (const [name, value] of Object.entries(known)) {
      if (takes(route, 'query', name)) query.set(name, String(value))
    }
    const given = await exampleFor(route, { target })
    const base = {
      url: query.size === 0 ? path : `${path}?${query.toString()}`,
      method: route.method,
      executable,
    }
    if (given === undefined) return { ...base, headers: asked?.headers ?? {} }
    const { type, body } = given
    if (typeof body === 'string' || Buffer.isBuffer(body)) {
      return { ...base, headers: { 'content-type': type }, body }
    }
    const fields = Object.entries(known).filter(([name]) => takes(route, 'body', name))
    const whole = JSON.stringify({ ...body, ...Object.fromEntries(fields) })
    return { ...base, headers: { 'content-type': type }, body: whole }
  }

  /** An executable that asks for its usage key, with something in its function storage. */
  async executable(): Promise<Uploaded> {
    const { app } = this.#options
    const closed = { ...this.#bearer, SSVM_Create_Usage_Key: 'true' }
    const made = await upload(app, await example('counter'), closed)
    const ran = await this.run(made)
    assert.equal(ran.status, 200, await ran.text())
    return made
  }

  run(one: Uploaded, headers: Record<string, string> = {}): Promise<Response> {
    const keys = { SSVM_Usage_Key: one.usageKey, ...headers }
    return call(this.#options.app, one, 'increment', { body: 'visits', headers: keys })
  }

  /** What stands in the path of a route, by the names of its parameters, made for it alone. */
  async parameters(
    route: Route,
    executable: Uploaded,
    owner: Owner = 'tenant',
  ): Promise<Record<string, string>> {
    const values: Record<string, string> = {}
    const segments = route.path.split('/')
    for (const [n, segment] of segments.entries()) {
      const [, parameter] = /\{(\w+)\}/.exec(segment) ?? []
      if (parameter === undefined) continue
      const before = segments[n - 1] ?? ''
      const noun = before.startsWith('{') ? parameter : before
      const make = this.#special[route.name] ?? this.#makers[noun]
      if (make === undefined) {
        throw new Error(
          `Nothing stands for {${parameter}} of ${route.name}: add to #makers in ` +
            `test/helpers/api-things.ts how '${noun}' is made.`,
        )
      }
      values[parameter] = await make({ executable, owner, values })
    }
    return values
  }

  /** By what stands before a parameter in the path, or the parameter's own name where that is another one. */
  readonly #makers: Readonly<Record<string, (making: Making) => Promise<string>>> = {
    executables: ({ executable }) => Promise.resolve(String(executable.id)),
    update_wasm_binary: ({ executable }) => Promise.resolve(String(executable.id)),
    keys: ({ executable }) => Promise.resolve(String(executable.id)),
    state: ({ executable }) => Promise.resolve(String(executable.id)),
    callback: ({ executable }) => Promise.resolve(String(executable.id)),
    log: ({ executable }) => Promise.resolve(String(executable.id)),
    jwks: ({ executable }) => Promise.resolve(String(executable.id)),
    run: ({ executable }) => Promise.resolve(String(executable.id)),
    fn: () => Promise.resolve('increment'),
    versions: () => Promise.resolve('1'),
    storage: () => Promise.resolve('visits'),
    runs: ({ executable }) => this.#waitingRun(executable),
    deliveries: ({ owner, executable }) =>
      owner === 'tenant' ? this.#delivery() : this.#deliveryOf(executable),
    'resend-jobs': ({ owner, executable }) => this.#job(owner, executable),
    tokens: () => this.#id('/api/tokens', { rights: ['read'] }, 'token_id'),
    'event-types': () => this.#id('/api/event-types', { name: `made.${randomUUID()}` }, 'name'),
    endpoints: () => {
      const body = { url: this.#options.target, event_types: ['nothing.like.it'] }
      return this.#id('/api/endpoints', body, 'endpoint_id')
    },
    messages: () => this.#message(),
    sources: () => this.#source({}),
    bins: () => this.#id('/api/bins', {}, 'bin_id'),
    hooks: () => this.#source({}),
    events: ({ values }) => this.#sourceEvent(values.id ?? ''),
    ephemeral_storage: () => this.#id('/api/ephemeral_storage', {}, 'key'),
  }

  /** Where a route needs its thing in another state. */
  readonly #special: Readonly<Record<string, (making: Making) => Promise<string>>> = {
    'GET /api/runs/{id}/result': ({ executable }) => this.#endedRun(executable),
    'GET /hooks/{id}': () =>
      this.#source({ challenge: { kind: 'meta', verify_token: 'it is us' } }),
    'OPTIONS /hooks/{id}': () =>
      this.#source({ challenge: { kind: 'cloudevents', origins: ['*'] } }),
  }

  /** Of a message that is not due, so that nothing is sent. */
  #message(): Promise<string> {
    const tomorrow = new Date(Date.now() + 24 * 3_600_000).toISOString()
    const body = { type: 'thing.happened', payload: {}, deliver_at: tomorrow }
    return this.#id('/api/messages', body, 'message_id')
  }

  async #delivery(): Promise<string> {
    const { tenant } = this.#options
    const query = `tenant=${tenant}&message_id=${await this.#message()}`
    const { items } = (await this.#get(`/api/deliveries?${query}`)) as {
      items: { delivery_id: string }[]
    }
    assert.ok(items[0])
    return items[0].delivery_id
  }

  /** Its target is not there, and it is tried again in an hour. */
  async #deliveryOf(one: Uploaded): Promise<string> {
    const retry = { interval_ms: 3_600_000, backoff: 1, retries: 1 }
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: 1, path: '/', retry }
    const response = await this.run(one, { SSVM_Callback: JSON.stringify(spec) })
    assert.equal(response.status, 502)
    return ((await response.json()) as { delivery_id: string }).delivery_id
  }

  /** So slow that it has not ended, with one delivery in a second. */
  async #job(owner: Owner, one: Uploaded): Promise<string> {
    const filter = owner === 'tenant' ? await this.#endpointWith(5) : { wasm_id: one.id }
    if (owner === 'executable') for (let n = 0; n < 5; n++) await this.#deliveryOf(one)
    const body = { ...filter, state: 'pending', rate_per_second: 1 }
    return this.#id('/api/deliveries/resend', body, 'job_id')
  }

  #source(fields: Record<string, unknown>): Promise<string> {
    const body = { verify: { scheme: 'none' }, publish: { type: 'thing.happened' }, ...fields }
    return this.#id('/api/sources', body, 'source_id')
  }

  async #sourceEvent(sourceId: string): Promise<string> {
    return (await this.#post(`/hooks/${sourceId}`, { n: 1 })).event_id as string
  }

  async #endpointWith(messages: number): Promise<{ endpoint_id: string }> {
    const body = { url: this.#options.target, event_types: ['thing.happened'] }
    const id = await this.#id('/api/endpoints', body, 'endpoint_id')
    for (let n = 0; n < messages; n++) await this.#message()
    return { endpoint_id: id }
  }

  /** It waits to be tried again. */
  async #waitingRun(one: Uploaded): Promise<string> {
    const response = await this.run(one, {
      prefer: 'respond-async',
      SSVM_Fetch: 'http://127.0.0.1:1/',
      'Wasmhook-Retry': JSON.stringify({ interval_ms: 3_600_000, backoff: 1, retries: 1 }),
    })
    assert.equal(response.status, 202, await response.clone().text())
    return ((await response.json()) as { run_id: string }).run_id
  }

  async #endedRun(one: Uploaded): Promise<string> {
    const response = await this.run(one, { prefer: 'respond-async' })
    const { run_id: id } = (await response.json()) as { run_id: string }
    for (;;) {
      const { status } = (await this.#get(`/api/runs/${id}`)) as { status: string }
      if (status === 'succeeded') return id
    }
  }

  get #bearer(): Record<string, string> {
    return { authorization: `Bearer ${this.#options.token}` }
  }

  async #id(url: string, body: Record<string, unknown>, field: string): Promise<string> {
    const owned = 'wasm_id' in body || url === '/api/ephemeral_storage' ? {} : this.#named
    const made = await this.#post(url, { ...owned, ...body })
    return made[field] as string
  }

  get #named(): { tenant: string } {
    return { tenant: this.#options.tenant }
  }

  async #post(url: string, body: Record<string, unknown>): Promise<Record<string, unknown>> {
    const response = await this.#options.app.request(url, {
      method: 'POST',
      headers: { ...this.#bearer, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    assert.ok(response.ok, `POST ${url}: ${text}`)
    return JSON.parse(text) as Record<string, unknown>
  }

  async #get(url: string): Promise<unknown> {
    const response = await this.#options.app.request(url, { headers: this.#bearer })
    const text = await response.text()
    assert.ok(response.ok, `GET ${url}: ${text}`)
    return JSON.parse(text)
  }
}
