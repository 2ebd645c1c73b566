// An event of a source, through a kill: of the only process, and of a primary with its workers.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'
import type { Server } from './helpers/server-process.ts'

type Json = Record<string, unknown>

const BODY = '{"order":7}'

for (const workers of [1, 2]) {
  for (const answer of ['accepted', 'result'] as const) {
    const claim = `is done once its server is back, and is a duplicate then: WORKERS=${workers}`
    test(`an event that came with answer ${answer} ${claim}`, async (t) => {
      const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-hooks-'))
      t.after(() => rm(dataDir, { recursive: true, force: true }))
      // Nobody answers the first server; the second is answered.
      let answers = false
      let asked = (): void => undefined
      const wasAsked = new Promise<void>((resolve) => (asked = resolve))
      const target = await httpService(t, (_request, reply) => {
        asked()
        if (answers) reply.end('taken')
      })
      const settings = { OUTBOUND_ALLOW: '127.0.0.1', WORKERS: String(workers) }
      const first = await startProcess(t, dataDir, settings)
      const { id, key } = await uploadEcho(first)
      const callback = {
        ...{ protocol: 'http:', hostname: '127.0.0.1', port: target.port, path: '/in' },
        retry: { interval_ms: 200, backoff: 1, retries: 20 },
      }
      await ask(first, 'PUT', `/api/callback/${id}`, callback, key)
      const source = await ask(first, 'POST', '/api/sources', {
        tenant: 'acme',
        verify: { scheme: 'none' },
        event_id: { in: 'json', name: 'order' },
        function: { wasm_id: id, name: 'echo', answer },
      })
      const hook = (server: Server) => send(server, String(source.source_id))
      const sent = hook(first)
      if (answer === 'accepted') assert.equal((await sent)?.status, 202)
      await wasAsked
      const dead = new Promise((resolve) => first.child.once('exit', resolve))
      first.child.kill('SIGKILL')
      await dead
      if (answer === 'result') assert.equal(await sent, undefined)

      answers = true
      const before = target.received.length
      const arrived = new Promise<void>((resolve) => (asked = resolve))
      const second = await startProcess(t, dataDir, settings)
      await arrived
      assert.equal(target.received[before]?.body.toString(), BODY)
      // Until its run has ended, whoever sends it again is told to come later.
      let again = await hook(second)
      while (again?.status === 409) again = await hook(second)
      assert.equal(again?.status, 200)
      const url = `/api/sources/${String(source.source_id)}/events?tenant=acme&verdict=accepted`
      const { items } = await ask(second, 'GET', url)
      assert.equal((items as Json[]).length, 1)
      assert.deepEqual(again.body, {
        event_id: (items as Json[])[0]?.event_id,
        duplicate: true,
      })
    })
  }
}

async function uploadEcho({
  origin,
}: Server): Promise<{ id: number; key: Record<string, string> }> {
  const response = await fetch(`${origin}/api/executables`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: await guest('echo'),
  })
  const { wasm_id: id, SSVM_Admin_Key: adminKey } = (await response.json()) as Json
  return { id: id as number, key: { SSVM_Admin_Key: adminKey as string } }
}

async function ask(
  { origin }: Server,
  method: string,
  url: string,
  body?: object,
  keys: Record<string, string> = {},
): Promise<Json> {
  const response = await fetch(origin + url, {
    method,
    headers: { 'content-type': 'application/json', ...keys },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  assert.ok(response.ok, text)
  return JSON.parse(text) as Json
}

/** Undefined where no answer came. */
async function send({ origin }: Server, sourceId: string) {
  try {
    const headers = { 'content-type': 'application/json' }
    const url = `${origin}/hooks/${sourceId}`
    const response = await fetch(url, { method: 'POST', headers, body: BODY })
    return { status: response.status, body: (await response.json()) as Json }
  } catch {
    return undefined
  }
}
