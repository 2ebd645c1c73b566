// @wasmhook/client: a typed client of a Wasmhook server, and the verification of what it signs.
export { createClient } from './client.ts'
export type { Call, Client, ClientOptions } from './client.ts'
export { WasmhookError } from './error.ts'
export type { ErrorCode } from './error.ts'
export type {
  Answer,
  As,
  CallOptions,
  CallSettings,
  Credentials,
  Item,
  Method,
  PagedPath,
  PathOf,
  RawBody,
} from './types.ts'
export { WebhookVerificationError, publicKeys, verify } from './verify.ts'
export type { VerificationCode, VerifiedWebhook, VerifyOptions, WebhookHeaders } from './verify.ts'
// What routes take and answer, by name; `paths` is the whole description, as openapi-typescript writes it.
export type * from './generated/api.ts'
