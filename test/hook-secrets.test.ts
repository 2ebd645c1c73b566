// What is secret of a source is found in no file of its server and in no line that it logs.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { buildApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'

const MARK = 'the-marker-of-this-test'
const PASSWORD = `${MARK}-password`
const BODY = JSON.stringify({ password: PASSWORD, order: 7 })

test('secrets, tokens, credentials and headers of what a source gets are kept in no file or log line', async (t) => {
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const app = await buildApp(t, {}, { logger })
  const { id } = await upload(app, await guest('echo'))
  const post = async (url: string, body: string, headers: Record<string, string> = {}) => {
    const type = { 'content-type': 'application/json', ...headers }
    const response = await app.request(url, { method: 'POST', headers: type, body })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const make = async (fields: object) => {
    const common = { tenant: 'acme', function: { wasm_id: id, name: 'echo', answer: 'result' } }
    const { status, body } = await post('/api/sources', JSON.stringify({ ...common, ...fields }))
    assert.equal(status, 201, JSON.stringify(body))
    return String(body.source_id)
  }
  const verify = { scheme: 'secret', in: 'json', name: 'password', secrets: [PASSWORD] }
  const asked = { kind: 'meta', verify_token: `${MARK}-verify` }
  const sourceId = await make({ verify, challenge: asked })
  for (const scheme of ['github', 'slack', 'bearer']) {
    await make({ verify: { scheme, secrets: [`${MARK}-${scheme}`] } })
  }
  const headers = { authorization: `Bearer ${MARK}-bearer`, cookie: MARK, 'x-own': `${MARK}-own` }
  const taken = await post(`/hooks/${sourceId}?key=${MARK}-query`, BODY, headers)
  assert.deepEqual([taken.status, taken.body], [200, { order: 7 }])
  const wrong = BODY.replace('password":"', 'password":"wrong-')
  assert.equal((await post(`/hooks/${sourceId}`, wrong, headers)).status, 401)
  const query = `hub.mode=subscribe&hub.challenge=1&hub.verify_token=${MARK}-verify`
  assert.equal((await app.request(`/hooks/${sourceId}?${query}`)).status, 200)
  const history = await app.request(`/api/sources/${sourceId}/events?tenant=acme`)
  const told = await history.text()
  assert.ok(!told.includes(MARK), told)

  const names = await readdir(app.dataDir, { recursive: true })
  assert.ok(names.includes('wasmhook.db'))
  for (const name of names) {
    const bytes = await readFile(path.join(app.dataDir, name)).catch(() => Buffer.alloc(0))
    assert.ok(!bytes.includes(MARK), name)
  }
  assert.ok(lines.some((line) => line.includes('/hooks/')))
  assert.deepEqual(
    lines.filter((line) => line.includes(MARK)),
    [],
  )
})
