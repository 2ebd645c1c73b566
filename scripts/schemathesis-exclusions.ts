// What schemathesis must not hold against a route, each with its reason. Nothing else is passed over.

export interface Exclusion {
  /** Routes as `/openapi.json` has them: `POST /api/run/{id}/{fn}`. */
  routes: RegExp
  /** A check of schemathesis. */
  check: string
  /** Statuses that the check lets pass; none: the check is not made. */
  statuses?: readonly (number | string)[]
  reason: string
}

export const EXCLUSIONS: readonly Exclusion[] = [
  {
    routes: /./,
    check: 'ignored_auth',
    reason:
      'It sends a made-up admin key beside the API token that it is given, which opens every route by itself; ' +
      'test/rights-matrix.ts calls every route with every kind of key.',
  },
  {
    routes: /^(?!(GET|OPTIONS) \/hooks\/)/,
    check: 'positive_data_acceptance',
    statuses: ['2xx', 400, 404, 409, 410, 413, 422],
    reason:
      'What a request holds is finer than a schema tells: names, times, URLs, cursors, modules. That a refusal has ' +
      'the described shape, and is none of 5xx, is still checked.',
  },
  {
    routes: /^PUT \/api\/(state|callback)\/|^POST \/api\/run\//,
    check: 'negative_data_rejection',
    reason: 'The body is taken byte for byte, whatever it is, and none is one without bytes.',
  },
  {
    routes: /\/api\/tokens/,
    check: 'use_after_free',
    reason: 'A token that was revoked stays listed, with the time of it.',
  },
  {
    routes: /^(GET|OPTIONS) \/hooks\//,
    check: 'positive_data_acceptance',
    statuses: ['2xx', 400, 401, 404, 405],
    reason:
      'What a source answers to a question is its own: another question, or another source, has none.',
  },
  {
    routes: /^OPTIONS \/hooks\//,
    check: 'allow_header_conformance',
    reason:
      'CloudEvents has the answer to its question name the methods that events are sent by, which is POST alone.',
  },
  {
    routes: /^POST \/api\/(multipart\/)?run\//,
    check: 'not_a_server_error',
    statuses: ['2xx', '4xx', 502, 504],
    reason: 'A call may name an upstream or a target, which nobody answers for here.',
  },
]
