// A server whose sources are called as other services call them.
import { sign as signGithub } from '@octokit/webhooks-methods'
import type { Scope } from './build-app.ts'
import type { buildApp } from './build-app.ts'
import { admin, upload } from './client.ts'
import type { Uploaded } from './client.ts'
import { createEventHub } from './event-hub.ts'
import type { EventHub, Json } from './event-hub.ts'
import { guest } from './guests.ts'

export const SECRET = 'the sender and the source alone know it'
export const PUSH = '{"ref":"refs/heads/main","commits":[1.0]}'

export interface SourceHub {
  hub: EventHub
  /** Its functions return what they get, or fail. */
  echo: Uploaded
  /** A source's or an endpoint's function. */
  fn: (name: string, of: Uploaded, answer?: 'result' | 'accepted') => object
  /** Of the hub's tenant, of GitHub and for `echo` unless said otherwise. */
  source: (fields: object, keys?: object) => Promise<Json & { source_id: string }>
  hook: (id: string, body: string | Buffer, headers?: Record<string, string>) => Promise<Response>
  /** As GitHub sends it. */
  push: (id: string, deliveryId?: string, body?: string) => Promise<Response>
  history: (id: string, query?: string) => Promise<Json[]>
  verdicts: (id: string) => Promise<unknown[]>
  runsOf: (one: Uploaded) => Promise<Json[]>
  /** The result of a run, once it has ended. */
  resultOf: (runId: unknown, one: Uploaded) => Promise<string>
}

export async function createSourceHub(
  scope: Scope,
  settings: Parameters<typeof buildApp>[1],
): Promise<SourceHub> {
  const hub = await createEventHub(scope, settings)
  const echo = await upload(hub.app, await guest('echo'))

  const fn: SourceHub['fn'] = (name, of, answer = 'accepted') => ({
    ...{ wasm_id: of.id, name, answer },
  })
  const hook: SourceHub['hook'] = (id, body, headers = {}) =>
    hub.app.request(`/hooks/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
  const history: SourceHub['history'] = async (id, query = '') => {
    const url = `/api/sources/${id}/events?tenant=${hub.tenant}${query}`
    return (await hub.get(url)).items as Json[]
  }

  return {
    hub,
    echo,
    fn,
    hook,
    history,
    async source(fields, keys = {}) {
      const body = {
        tenant: hub.tenant,
        verify: { scheme: 'github', secrets: [SECRET] },
        function: fn('echo', echo),
        ...fields,
      }
      const made = await hub.made(await hub.send('POST', '/api/sources', body, keys), 201)
      return made as Json & { source_id: string }
    },
    push: async (id, deliveryId = 'd-1', body = PUSH) =>
      hook(id, body, {
        'x-github-delivery': deliveryId,
        'x-github-event': 'push',
        'x-hub-signature-256': await signGithub(SECRET, body),
      }),
    verdicts: async (id) => (await history(id)).map(({ verdict }) => verdict),
    async runsOf(one) {
      const url = `/api/executables/${one.id}/runs?limit=100`
      const response = await hub.app.request(url, { headers: admin(one) })
      return (await hub.made(response, 200)).items as Json[]
    },
    async resultOf(runId, one) {
      const url = `/api/runs/${String(runId)}`
      const headers = admin(one)
      for (;;) {
        const run = await hub.made(await hub.app.request(url, { headers }), 200)
        if (run.status === 'queued' || run.status === 'running') continue
        return (await hub.app.request(`${url}/result`, { headers })).text()
      }
    },
  }
}
