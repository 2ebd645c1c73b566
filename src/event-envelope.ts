// What a message looks like on its way: `{"type":…,"timestamp":…,"data":…}`, the payload in it byte for byte.

const DATA = ',"data":'

/**
 * @param type a name, which holds nothing that JSON would write otherwise
 * @param payload JSON
 */
export function toEnvelope(type: string, createdAtMs: number, payload: string): Buffer {
  const timestamp = new Date(createdAtMs).toISOString()
  return Buffer.from(`{"type":"${type}","timestamp":"${timestamp}"${DATA}${payload}}`)
}

/** The payload of an envelope, a view into it. */
export function payloadOf(envelope: Buffer): Buffer {
  return envelope.subarray(startOf(envelope), -1)
}

export function typeAndTimeOf(envelope: Buffer): { type: string; timestamp: string } {
  const head = envelope.toString('utf8', 0, envelope.indexOf(DATA))
  return JSON.parse(`${head}}`) as { type: string; timestamp: string }
}

/** The envelope with another payload. @param payload JSON */
export function withPayload(envelope: Buffer, payload: string): Buffer {
  return Buffer.concat([envelope.subarray(0, startOf(envelope)), Buffer.from(`${payload}}`)])
}

function startOf(envelope: Buffer): number {
  return envelope.indexOf(DATA) + DATA.length
}
