// What one would write by hand in place of durable deliveries (`queue-server.ts FOLDER`): a bare Fastify route
// that inserts what it was sent into a SQLite table, answers 202, sends it on with undici and notes that it was
// sent. Every write is a commit of its own and as durable as ours; no function is called, nothing is leased,
// tried again or kept of the answer, and no target has its share.
import path from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import Fastify from 'fastify'
import { request } from 'undici'

const [folder = ''] = process.argv.slice(2)
const db = new BetterSqlite3(path.join(folder, 'queue.db'))
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(
  'create table queue (id integer primary key, target text not null, body blob not null, sent_at_ms integer)',
)
const insert = db.prepare('insert into queue (target, body) values (?, ?)')
const settle = db.prepare('update queue set sent_at_ms = ? where id = ?')

const app = Fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/', (message, reply) => {
  const target = message.headers.ssvm_callback as string
  const body = message.body as Buffer
  const { lastInsertRowid } = insert.run(target, body)
  void deliver(lastInsertRowid, target, body)
  return reply.code(202).send({ id: Number(lastInsertRowid) })
})
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))

async function deliver(id: number | bigint, target: string, body: Buffer): Promise<void> {
  const answer = await request(target, { method: 'POST', body })
  await answer.body.dump()
  if (answer.statusCode < 300) settle.run(Date.now(), id)
}
