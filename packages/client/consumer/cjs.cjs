// Run by test/client.test.ts beside esm.mjs: the package as CommonJS. Arguments: the server's origin and API_TOKEN.
const assert = require('node:assert/strict')
const { createHmac } = require('node:crypto')
const { WasmhookError, createClient, verify } = require('@wasmhook/client')
const alone = require('@wasmhook/client/verify')

const [baseUrl = '', token = ''] = process.argv.slice(2)

async function main() {
  const client = createClient({ baseUrl, token })
  assert.ok((await client.get('/api/executables')).length > 0)
  await assert.rejects(client.get('/api/runs/{id}', { path: { id: 'none' } }), WasmhookError)

  const key = Buffer.alloc(32, 7)
  const seconds = String(Math.floor(Date.now() / 1000))
  const mac = createHmac('sha256', key).update(`m.${seconds}.body`).digest('base64')
  const headers = {
    'webhook-id': 'm',
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${mac}`,
  }
  const secret = `whsec_${key.toString('base64')}`
  assert.equal((await verify(headers, 'body', secret)).id, 'm')
  await assert.rejects(alone.verify(headers, 'other', secret), alone.WebhookVerificationError)
  console.log('all as expected')
}

void main()
