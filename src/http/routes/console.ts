// The console: pages for a browser, built from console/ and served from memory. Whoever comes may read them; what they show
// they ask the API for, with the key that their user gives.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import type { App } from '../server.ts'

export interface ConsoleDeps {
  /** Where the build has put them; it may not be there. */
  folder: string
}

/** What runs in our origin has to come from here, and may call nobody else. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** What the build may have put beside a file, best first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

/** A build that has more is not ours. */
const CONSOLE_FILES_MAX = 1_000
const CONSOLE_BYTES_MAX = 32 * 1024 * 1024

interface Form {
  encoding: 'identity' | 'br' | 'gzip'
  body: Buffer
  etag: string
}

interface Page {
  type: string
  /** Best first; the last is the file as it is. */
  forms: Form[]
}

const HASHED = 'public, max-age=31536000, immutable'
/** Kept, and asked for again each time: it names the newest of the others. */
const ASKED_AGAIN = 'no-cache'

export function registerConsole(app: App, { folder }: ConsoleDeps): void {
  const { index, assets } = readBuild(folder)
  const schema = { hide: true }

  app.get('/', { schema, config: { access: 'open' } }, (request, reply) => {
    if (index !== undefined) return send(request, reply, index, ASKED_AGAIN)
    throw new AppError('NOT_FOUND', 'The console is not built; `npm run build:console` does it.')
  })

  app.get<{ Params: { file: string } }>(
    '/assets/:file',
    { schema, config: { access: 'open' } },
    (request, reply) => {
      const asset = assets.get(request.params.file)
      if (asset === undefined) throw new AppError('NOT_FOUND', 'The console has no such file.')
      return send(request, reply, asset, HASHED)
    },
  )
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, forms }: Page,
  caching: string,
): FastifyReply {
  const taken = takenEncodings(request.headers['accept-encoding'])
  const form = forms.find(({ encoding }) => taken.has(encoding)) ?? forms.at(-1)
  if (form === undefined) throw new Error('A file of the console has no form.')
  const { encoding, body, etag } = form
  reply
    .header('content-security-policy', CSP)
    .header('cache-control', caching)
    .header('vary', 'Accept-Encoding')
    .header('etag', etag)
  const known = request.headers['if-none-match']?.split(',').map((one) => one.trim()) ?? []
  if (known.some((one) => one === '*' || one.replace(/^W\//, '') === etag)) {
    return reply.code(304).send()
  }
  if (encoding !== 'identity') reply.header('content-encoding', encoding)
  return reply.type(type).send(body)
}

/** Those that the caller names and does not refuse (`br;q=0`). */
function takenEncodings(header = ''): ReadonlySet<string> {
  const named = header
    .toLowerCase()
    .split(',')
    .map((one) => one.split(';').map((part) => part.trim()))
  const refuses = (parameters: string[]) => parameters.some((one) => /^q=0(\.0*)?$/.test(one))
  const taken = named.filter(([, ...parameters]) => !refuses(parameters))
  return new Set(taken.map(([encoding = '']) => encoding))
}

/** Read as the server starts: what is asked for later names an entry, never a path. */
function readBuild(folder: string): { index: Page | undefined; assets: Map<string, Page> } {
  const assets = new Map<string, Page>()
  const file = path.join(folder, 'index.html')
  if (!existsSync(file)) return { index: undefined, assets }
  const below = path.join(folder, 'assets')
  const entries = existsSync(below) ? readdirSync(below, { withFileTypes: true }) : []
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  if (names.length > CONSOLE_FILES_MAX) throw tooMuch(`${CONSOLE_FILES_MAX} files`)
  const room = { bytes: CONSOLE_BYTES_MAX }
  const index = readPage(file, room)
  for (const name of names) {
    if (!ENCODINGS.some(([, ending]) => name.endsWith(ending))) {
      assets.set(name, readPage(path.join(below, name), room))
    }
  }
  return { index, assets }
}

function readPage(file: string, room: { bytes: number }): Page {
  const readForm = (encoding: Form['encoding'], from: string): Form => {
    const body = readFileSync(from)
    room.bytes -= body.length
    if (room.bytes < 0) throw tooMuch(`${CONSOLE_BYTES_MAX} bytes`)
    const hash = createHash('sha256').update(body).digest('base64url')
    return { encoding, body, etag: `"${hash}"` }
  }
  const shorter = ENCODINGS.map(([encoding, ending]) => [encoding, file + ending] as const)
  const forms = shorter
    .filter(([, from]) => existsSync(from))
    .map(([encoding, from]) => readForm(encoding, from))
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream'
  return { type, forms: [...forms, readForm('identity', file)] }
}

function tooMuch(limit: string): Error {
  return new Error(`The console that was built has more than ${limit}.`)
}
