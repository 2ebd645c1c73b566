// A service on this machine to fetch from and send to while trying things out: `npm run local-service`.
// GET answers a picture; anything else is printed and answered with `received`. Port 9000, or the argument.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gradientPng } from '../test/helpers/picture.ts'

const server = createServer((request, reply) => {
  if (request.method === 'GET') {
    reply.setHeader('content-type', 'image/png').end(gradientPng(320, 160))
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8')
    console.log(`${request.method ?? ''} ${request.url ?? ''} ${body}`)
    reply.end('received')
  })
})
server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(`listening on http://127.0.0.1:${port}`)
})
