// Secrets at rest: AES-256-GCM with a random 96-bit nonce. Each ciphertext is bound to its table,
// column and row, so that someone who can write the database cannot move one to another place.
// Where the key comes from is data-folder.ts's and the operator's matter.
import { createCipheriv, createDecipheriv, hkdfSync, randomFillSync } from 'node:crypto'
import type { Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { Schema } from './schema.ts'

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** First byte of a ciphertext, so that another cipher or key can follow one day. */
const FORMAT = 1

/** Where a secret stands. */
export interface Place {
  table: keyof Schema
  column: string
  row: number | string
}

export interface Secrets {
  seal(secret: string | Buffer, place: Place): Buffer
  /** @throws AppError INTERNAL when the bytes were not sealed with this key for this place. */
  open(sealed: Buffer, place: Place): string
  /** As `open`, for a secret that is no text. */
  openBytes(sealed: Buffer, place: Place): Buffer
}

/** The key that the operator's SECRET_KEY stands for. */
export function deriveKey(secretKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', 'wasmhook secrets at rest', KEY_BYTES))
}

export function createSecrets(key: Buffer): Secrets {
  function openBytes(sealed: Buffer, place: Place): Buffer {
    const bodyAt = 1 + NONCE_BYTES + TAG_BYTES
    try {
      if (sealed[0] !== FORMAT || sealed.length < bodyAt) throw new Error('unknown format')
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(nameOf(place)).setAuthTag(sealed.subarray(1 + NONCE_BYTES, bodyAt))
      return Buffer.concat([decipher.update(sealed.subarray(bodyAt)), decipher.final()])
    } catch (cause) {
      const where = `${place.table}.${place.column} of row ${place.row}`
      throw new AppError('INTERNAL', `A stored secret cannot be read: ${where}.`, { cause })
    }
  }

  return {
    seal(secret, place) {
      const nonce = nextNonce()
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(nameOf(place))
      const plain = typeof secret === 'string' ? Buffer.from(secret) : secret
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), body])
    },
    open: (sealed, place) => openBytes(sealed, place).toString(),
    openBytes,
  }
}

/** Drawn together: asking the system for a dozen bytes costs as much as for thousands. */
const nonces = Buffer.alloc(256 * NONCE_BYTES)
let noncesUsed = nonces.length

/** Each is handed out once. */
function nextNonce(): Buffer {
  if (noncesUsed === nonces.length) {
    randomFillSync(nonces)
    noncesUsed = 0
  }
  noncesUsed += NONCE_BYTES
  return Buffer.from(nonces.subarray(noncesUsed - NONCE_BYTES, noncesUsed))
}

function nameOf({ table, column, row }: Place): Buffer {
  return Buffer.from(JSON.stringify([table, column, row]))
}

const CHECK = { table: 'meta', column: 'value', row: 'secret_check' } as const

/** Whether the database holds secrets of some key already. */
export async function hasKeyCheck(db: Kysely<Schema>): Promise<boolean> {
  return (await readKeyCheck(db)) !== undefined
}

/**
 * Refuses a key that is not the one the database was first opened with: mixed keys would surface
 * much later, as secrets that cannot be read.
 */
export async function checkKey(db: Kysely<Schema>, secrets: Secrets): Promise<void> {
  const sealed = await readKeyCheck(db)
  if (sealed === undefined) {
    const value = secrets.seal('wasmhook', CHECK)
    await db.insertInto('meta').values({ key: CHECK.row, value }).execute()
    return
  }
  try {
    secrets.open(sealed, CHECK)
  } catch (cause) {
    throw new AppError(
      'CONFLICT',
      'The stored secrets were encrypted with another key; start with the SECRET_KEY of before, ' +
        'or without SECRET_KEY where the key was in DATA_DIR/secret.key.',
      { cause },
    )
  }
}

async function readKeyCheck(db: Kysely<Schema>): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', CHECK.row)
    .executeTakeFirst()
  return row?.value
}
