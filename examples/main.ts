// `npm run example -- candidate-created` (or post-published, webhook-listener): plays the example against a server that it starts for
// that, or against the one at WASMHOOK_URL, with API_TOKEN where that asks for it, and OUTBOUND_ALLOW=127.0.0.1 there.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startProcess } from '../test/helpers/server-process.ts'
import { candidateCreated } from './candidate-created.ts'
import { postPublished } from './post-published.ts'
import { Stage } from './stage.ts'
import { webhookListener } from './webhook-listener.ts'

const EXAMPLES: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  'candidate-created': candidateCreated,
  'post-published': postPublished,
  'webhook-listener': webhookListener,
}

const name = process.argv[2] ?? ''
const play = Object.hasOwn(EXAMPLES, name) ? EXAMPLES[name] : undefined
if (play === undefined) {
  console.error(`usage: npm run example -- ${Object.keys(EXAMPLES).join(' | ')}`)
  process.exit(2)
}

const endings: (() => unknown)[] = []
const scope = { after: (end: () => unknown) => void endings.push(end) }
try {
  const { WASMHOOK_URL: origin = await startServer(), API_TOKEN: token = '' } = process.env
  await play(new Stage({ origin, token, say: console.log, scope, pauseMs: 1_000 }))
  console.log('\nEverything is as it should be.')
} finally {
  for (const end of endings.reverse()) await end()
}

async function startServer(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-example-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  // The services of the example listen there.
  const settings = { OUTBOUND_ALLOW: '127.0.0.1', API_TOKEN: process.env.API_TOKEN ?? '' }
  return (await startProcess(scope, folder, settings)).origin
}
