// Requests as no client library would send them: the bytes of one, and those of the answers to it.
import { connect } from 'node:net'

/** Sends the bytes and reads until the server closes; `Connection: close` in them makes it do so. */
export async function rawHttp(origin: string, ...pieces: (string | Buffer)[]): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A server that has answered need not read what else comes.
  socket.on('error', () => undefined)
  for (const piece of pieces) socket.write(piece)
  await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString('latin1')
}

/** Status and JSON body of the last answer in what rawHttp() gave. */
export function lastAnswer(text: string): { status: number; body: Record<string, unknown> } {
  const answer = text.slice(text.lastIndexOf('HTTP/1.1 '))
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
  return {
    status: Number(answer.split(' ', 2)[1]),
    body: JSON.parse(body) as Record<string, unknown>,
  }
}
