// Reads a response body, decompressed, up to its cap. Memory stays bounded by the cap whatever the
// peer sends: a compressed bomb, millions of one-byte chunks, or compressed data without content.
import { pipeline, Transform, type Readable } from 'node:stream'
import { createBrotliDecompress, createUnzip } from 'node:zlib'
import { OutboundError } from './outbound-error.ts'

/** What we ask for. `deflate` is understood too; zstd is not, as Node.js 20 has none. */
export const ACCEPT_ENCODING = 'gzip, br'

/** Codings one on another: more than one is rare, and each costs a window of memory. */
const CODINGS_MAX = 2
/** Bytes on the wire beyond twice the cap that compressed data may take: past it, it is hollow. */
const WIRE_SLACK_BYTES = 64 * 1024

export interface BodyLimit {
  maxBytes: number
  /** Past the cap: fail, or keep what fits. */
  overflow: 'fail' | 'cut'
  /** Told of each chunk, decompressed, before it is kept; what it throws ends the reading. */
  onBytes?: (bytes: number) => void
}

/** What `onBytes` threw: it is the caller's own, and handed back as it is. */
export class StoppedByCaller extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super('The caller stopped the reading.')
    this.reason = reason
  }
}

/**
 * Reads to the end or to the cap; the stream is destroyed wherever it was left. Who keeps what fits is told
 * what a failure left, and the failure.
 */
export async function readBody(
  source: Readable,
  contentEncoding: string | undefined,
  { maxBytes, overflow, onBytes }: BodyLimit,
): Promise<{ body: Buffer; truncated: boolean; failure?: unknown }> {
  const buffer = createGrowingBuffer(maxBytes)
  try {
    for await (const chunk of decoded(source, contentEncoding, maxBytes)) {
      tell(onBytes, (chunk as Buffer).length)
      if (!buffer.append(chunk as Buffer)) throw new BodyOverflow()
    }
    return { body: buffer.view(), truncated: false }
  } catch (error) {
    if (error instanceof StoppedByCaller) throw error
    const fits = error instanceof BodyOverflow
    if (overflow === 'cut') {
      return { body: buffer.view(), truncated: true, ...(fits ? {} : { failure: error }) }
    }
    if (!fits) throw error
    throw new OutboundError('too_large', `The response body is larger than ${maxBytes} bytes.`)
  } finally {
    // Ends the exchange where the body was not read to its end; an error then has no reader.
    source.on('error', () => undefined).destroy()
  }
}

function tell(onBytes: BodyLimit['onBytes'], bytes: number): void {
  try {
    onBytes?.(bytes)
  } catch (reason) {
    throw new StoppedByCaller(reason)
  }
}

class BodyOverflow extends Error {}

function decoded(
  source: Readable,
  contentEncoding: string | undefined,
  maxBytes: number,
): Readable {
  const codings = (contentEncoding ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length === 0) return source
  if (codings.length > CODINGS_MAX) throw unreadable(contentEncoding)
  const decoders = codings.reverse().map((coding) => {
    if (coding === 'br') return createBrotliDecompress()
    if (['gzip', 'x-gzip', 'deflate'].includes(coding)) return createUnzip()
    throw unreadable(contentEncoding)
  })
  // A failure anywhere destroys the last stream with its error, where the reader sees it.
  return [limitWire(maxBytes), ...decoders].reduce<Readable>(
    (stream, stage) => pipeline(stream, stage, () => undefined),
    source,
  )
}

/** Empty blocks decompress to nothing for ever: counted on the wire, they too come to an end. */
function limitWire(maxBytes: number): Transform {
  let left = 2 * maxBytes + WIRE_SLACK_BYTES
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length
      if (left < 0) done(new BodyOverflow())
      else done(null, chunk)
    },
  })
}

function unreadable(contentEncoding: string | undefined): OutboundError {
  return new OutboundError(
    'encoding',
    `The response has Content-Encoding ${JSON.stringify(contentEncoding)}; gzip, deflate and br ` +
      'are understood.',
  )
}

/** One buffer rather than a list: a list of tiny chunks costs a hundred times their bytes. */
function createGrowingBuffer(maxBytes: number): {
  append(chunk: Buffer): boolean
  view(): Buffer
} {
  let buffer = Buffer.alloc(0)
  let size = 0
  return {
    /** Copies what fits; false when something did not. */
    append(chunk) {
      const wanted = size + chunk.length
      const needed = Math.min(wanted, maxBytes)
      if (needed > buffer.length) {
        const grown = Buffer.allocUnsafeSlow(
          Math.min(Math.max(needed, 2 * buffer.length), maxBytes),
        )
        buffer.copy(grown, 0, 0, size)
        buffer = grown
      }
      size += chunk.copy(buffer, size)
      return size === wanted
    },
    view: () => buffer.subarray(0, size),
  }
}
