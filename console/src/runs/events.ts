// Server-sent events, read from a body as it comes: EventSource could send no token.

interface ServerEvent {
  event: string
  data: unknown
}

/** The server says something every 15 s: what is silent for longer is a connection that is gone. */
const SILENCE_MS_MAX = 45_000

/** Ends where the server ends it, or is silent. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const silent = setTimeout(() => void reader.cancel(), SILENCE_MS_MAX)
      const { done, value } = await reader.read()
      clearTimeout(silent)
      if (done) return
      const blocks = (text + decoder.decode(value, { stream: true })).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        // A block of another form is a comment.
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
        if (event !== undefined && data !== undefined) {
          yield { event, data: JSON.parse(data) as unknown }
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
