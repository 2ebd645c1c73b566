// What each route takes and answers, read out of the types that are made from the OpenAPI document.
import type { paths } from './generated/api.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'options'

/** Bytes or text, sent as they are. */
export type RawBody = string | Uint8Array | ArrayBuffer | Blob

/**
 * What an answer is read as: its JSON, its text, its bytes, or nothing yet: a `Response`, for headers, status and
 * streams.
 */
export type As = 'json' | 'text' | 'bytes' | 'response'

/** What opens the routes: the description of each says which of them it takes. */
export interface Credentials {
  /** `API_TOKEN` of the server, or a tenant's token (`wht_…`): `Authorization: Bearer …`. */
  token?: string | undefined
  /** Of an executable (`SSVM_Admin_Key` of its upload). */
  adminKey?: string | undefined
  /** Of an executable (`SSVM_Usage_Key`). */
  usageKey?: string | undefined
}

/** What every call may say besides what its route takes. */
export interface CallSettings extends Credentials {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Until the last byte of the answer; past it the call rejects with a `TimeoutError`. */
  timeoutMs?: number | undefined
}

/** What has no member that is needed extends what has none at all. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
type Nothing = {}

/** The paths of the API that have this method, as `/api/messages/{id}`. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never
}[keyof paths]

type Operation<M extends Method, P extends PathOf<M>> = paths[P][M]

/** What a call of this route is told: what goes into path, query, headers and body, and how it is called. */
export type CallOptions<M extends Method, P extends PathOf<M>, A extends As = As> = CallSettings &
  PathOption<Operation<M, P>> &
  QueryOption<Operation<M, P>> &
  HeadersOption<Operation<M, P>> &
  BodyOption<Operation<M, P>> &
  AsOption<Operation<M, P>, A>

/** The last parameter of a call: it may be left out where the route needs nothing. */
export type Rest<M extends Method, P extends PathOf<M>, A extends As> =
  Nothing extends CallOptions<M, P, 'json'>
    ? [options?: CallOptions<M, P, A>]
    : [options: CallOptions<M, P, A>]

/** What a call of this route answers, read as said. */
export type Answer<
  M extends Method,
  P extends PathOf<M>,
  A extends As = 'json',
> = A extends 'response'
  ? Response
  : A extends 'text'
    ? string
    : A extends 'bytes'
      ? Uint8Array
      : IsJson<Operation<M, P>> extends true
        ? Json<Operation<M, P>>
        : unknown

/** The paths of lists that come in pages. */
export type PagedPath = {
  [P in PathOf<'get'>]: Json<Operation<'get', P>> extends { items: unknown[]; next: string | null }
    ? P
    : never
}[PathOf<'get'>]

/** What such a list is of. */
export type Item<P extends PagedPath> =
  Json<Operation<'get', P>> extends { items: (infer T)[] } ? T : never

type Parameters<Op, Where extends 'path' | 'query' | 'header'> = Op extends {
  parameters: { [W in Where]?: infer Named }
}
  ? NonNullable<Named>
  : never

/** Texts of a URL may be said as numbers too, and what is undefined is left out. */
type Loose<T> = {
  [K in keyof T]:
    | (string extends NonNullable<T[K]> ? string | number | boolean : NonNullable<T[K]>)
    | (Nothing extends Pick<T, K> ? undefined : never)
}

type PathOption<Op> = [Parameters<Op, 'path'>] extends [never]
  ? { path?: never }
  : { /** What stands for each `{name}` of the path. */ path: Loose<Parameters<Op, 'path'>> }

type QueryOption<Op> = [Parameters<Op, 'query'>] extends [never]
  ? { query?: never }
  : { query?: Loose<Parameters<Op, 'query'>> }

type HeadersOption<Op> = {
  headers?: ([Parameters<Op, 'header'>] extends [never]
    ? unknown
    : Loose<Parameters<Op, 'header'>>) &
    Record<string, string | number | boolean | undefined>
}

type Sent<Op> = Op extends { requestBody?: infer Body }
  ? [NonNullable<Body>] extends [never]
    ? never
    : NonNullable<Body> extends { content: infer Content }
      ? Content
      : never
  : never

/** `json` is written as JSON; `body` goes as it is. */
type BodyOption<Op> = [Sent<Op>] extends [never]
  ? { json?: never; body?: never }
  : 'multipart/form-data' extends keyof Sent<Op>
    ? { body: FormData; json?: never }
    : IsRaw<Op> extends true
      ? RawOption<Op>
      : JsonOption<Op>

/** What the server takes byte for byte is described as a text, whichever types it may be of. */
type IsRaw<Op> = [Sent<Op>[keyof Sent<Op>]] extends [string] ? true : false

type RawOption<Op> = 'application/json' extends keyof Sent<Op>
  ? | ((NeedsBody<Op> extends true ? { body: RawBody } : { body?: RawBody | undefined }) & {
        json?: never
      })
    | { json: unknown; body?: never }
  : { body: RawBody; json?: never }

type NeedsBody<Op> = Op extends { requestBody: { content: unknown } } ? true : false

type JsonOption<Op> = (NeedsBody<Op> extends true
  ? { json: Sent<Op>['application/json' & keyof Sent<Op>] }
  : { json?: Sent<Op>['application/json' & keyof Sent<Op>] | undefined }) & { body?: never }

type Success = 200 | 201 | 202 | 203 | 204 | 206 | 207 | '2XX'

type Content<Op> = Op extends { responses: infer Responses }
  ? {
      [S in keyof Responses & Success]: Responses[S] extends { content: infer C } ? C : never
    }[keyof Responses & Success]
  : never

type IsJson<Op> = [Content<Op>] extends [{ 'application/json': unknown }] ? true : false

type Json<Op> = Content<Op> extends { 'application/json': infer T } ? T : never

/** JSON where the route answers that and nothing else is said; of any other answer it has to be said. */
type AsOption<Op, A extends As> = IsJson<Op> extends true ? { as?: A } : { as: A }
