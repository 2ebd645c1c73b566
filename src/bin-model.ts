// Request bins: plain types; a part of model.ts.

/** An address that takes whatever is sent to it, for its owner to look at; it ends by itself. */
export interface Bin {
  id: string
  tenant: string
  createdAtMs: number
  expiresAtMs: number
}

export interface BinRequest {
  id: string
  binId: string
  receivedAtMs: number
  method: string
  /** Below the bin's address, as it was sent; empty at the address itself. */
  path: string
  /** As it was sent, without the question mark. */
  query: string
  /** As they came, in their order; a name may be there more than once. */
  headers: [name: string, value: string][]
  /** Of the body as it came. */
  sizeBytes: number
  /** As much of it as is kept. */
  body: Buffer
}
