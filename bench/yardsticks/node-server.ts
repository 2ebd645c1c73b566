// The yardsticks that run in Node: `node-server.ts MODE [WASM FUNCTION]`.
//   echo      a bare Fastify route that answers the body it was sent, and `world` to a GET
//   fresh     that route calling FUNCTION of WASM in a new WebAssembly.Instance for each request
//   warm      the same in one instance that serves them all
//   forward   a bare Fastify route that sends the body on with undici and answers what comes back
//   fetch     a bare Fastify route that gets the URL in the body and answers what comes back
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { request } from 'undici'
import { createGlue } from './glue.ts'

type Answer = (body: Buffer) => Buffer | Promise<Buffer>

const [mode = '', ...args] = process.argv.slice(2)

const app = Fastify({ bodyLimit: 100 * 1024 * 1024 })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
const answer = createAnswer()
// For those who fetch; whoever posts is answered what they sent.
app.get('/', (_message, reply) => reply.type('text/plain; charset=utf-8').send('world'))
app.post('/', async (message, reply) =>
  reply.type('text/plain; charset=utf-8').send(await answer(message.body as Buffer)),
)
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))

function createAnswer(): Answer {
  switch (mode) {
    case 'echo':
      return (body) => body
    case 'fresh':
    case 'warm': {
      const [file = '', fn = ''] = args
      const glue = createGlue(readFileSync(file))
      if (mode === 'fresh') return (body) => glue.instance().call(fn, body)
      const instance = glue.instance()
      return (body) => instance.call(fn, body)
    }
    case 'fetch':
      return async (body) => bytesOf(await request(body.toString('utf8')))
    case 'forward': {
      const [target = ''] = args
      return async (body) => bytesOf(await request(target, { method: 'POST', body }))
    }
    default:
      throw new Error(`There is no mode ${mode}.`)
  }
}

async function bytesOf({ body }: Awaited<ReturnType<typeof request>>): Promise<Buffer> {
  return Buffer.from(await body.arrayBuffer())
}
