// Run by test/client.test.ts: the receivers of README.md are sent a webhook that a server signed, and one that it did
// not. Arguments: its headers as JSON, and its body.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { POST } from './handler.js'
import { server } from './receiver.js'

const [headersText = '', body = ''] = process.argv.slice(2)
/** @type {Record<string, string>} */
const headers = JSON.parse(headersText)

if (!server.listening) await once(server, 'listening')
const address = server.address()
assert.ok(address !== null && typeof address === 'object')
const url = `http://127.0.0.1:${address.port}/`

for (const [sent, isGenuine] of /** @type {const} */ ([
  [body, true],
  [body.replace('1', '2'), false],
])) {
  const request = { method: 'POST', headers, body: sent }
  assert.equal((await fetch(url, request)).status, isGenuine ? 204 : 401)
  assert.equal((await POST(new Request(url, request))).status, isGenuine ? 200 : 401)
}
server.close()
