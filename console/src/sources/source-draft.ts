// A source as its forms say it, and what of it is sent.
import type { NewSource, Source, SourceChange } from './api.ts'
import { isJsonObject, parseExactly } from '../json-text.ts'
import { linesOf } from '../parts/lines.ts'

type Verify = NewSource['verify']
export type Scheme = Verify['scheme']
type Place = 'header' | 'query' | 'json'

export const PLACE_WORDS: Readonly<Record<Place, string>> = {
  header: 'a header',
  query: 'the query',
  json: 'the JSON body',
}

interface SchemeFacts {
  label: string
  /** Where its secret is from, for whoever fills in the form. */
  about: string
  /** The server makes one where none is given. */
  makes: boolean
}

export const SCHEMES: Readonly<Record<Scheme, SchemeFacts>> = {
  github: {
    label: 'GitHub',
    about: 'Left empty, one is made for you. Set it as the Secret of the webhook at GitHub.',
    makes: true,
  },
  stripe: {
    label: 'Stripe',
    about: 'The Signing secret, which Stripe shows of the webhook: whsec_…',
    makes: false,
  },
  slack: {
    label: 'Slack',
    about: 'The Signing Secret of the app, under Basic Information at api.slack.com.',
    makes: false,
  },
  shopify: {
    label: 'Shopify',
    about: "The app's client secret, or the one under Settings, Notifications, Webhooks.",
    makes: false,
  },
  'standard-webhooks': {
    label: 'Standard Webhooks (Svix, Wasmhook, …)',
    about: 'whsec_… or whpk_… from the sender; left empty, one is made for you.',
    makes: true,
  },
  secret: {
    label: 'A shared secret',
    about: 'Left empty, one is made for you.',
    makes: true,
  },
  bearer: {
    label: 'A bearer token',
    about: 'Left empty, one is made for you.',
    makes: true,
  },
  basic: {
    label: 'Username and password',
    about: 'The password. Left empty, one is made for you.',
    makes: true,
  },
  none: { label: 'Nothing: whoever has the address', about: '', makes: false },
}

export interface VerifyDraft {
  scheme: Scheme
  username: string
  in: Place
  name: string
  /** One on a line. */
  secrets: string
  toleranceMs: number | undefined
}

export interface Draft {
  description: string
  runs: boolean
  wasmId: string
  functionName: string
  answer: 'accepted' | 'result'
  publishes: boolean
  /** The type itself, or where a request names it. */
  typeIn: 'fixed' | Place
  type: string
  prefix: string
  /** What is rarely set, as JSON. */
  rare: string
}

export const NEW_VERIFY: VerifyDraft = {
  scheme: 'github',
  username: '',
  in: 'header',
  name: '',
  secrets: '',
  toleranceMs: undefined,
}

export const NEW_DRAFT: Draft = {
  description: '',
  runs: true,
  wasmId: '',
  functionName: '',
  answer: 'accepted',
  publishes: false,
  typeIn: 'fixed',
  type: '',
  prefix: '',
  rare: '',
}

export function verifyOf(draft: VerifyDraft): Verify {
  const { scheme, username, in: place, name, toleranceMs } = draft
  if (scheme === 'none') return { scheme }
  const secrets = secretsOf(draft)
  return {
    scheme,
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(scheme === 'basic' ? { username } : {}),
    ...(scheme === 'secret' ? { in: place, name: name.trim() } : {}),
    ...(toleranceMs === undefined ? {} : { tolerance_ms: toleranceMs }),
  }
}

function secretsOf({ secrets }: VerifyDraft): string[] {
  return linesOf(secrets).map((one) => one.trim())
}

/** Its secrets are shown to nobody, so that they are given anew. */
export function draftOfVerify({ verify }: Source): VerifyDraft {
  return {
    scheme: verify.scheme,
    username: verify.username ?? '',
    in: verify.in ?? 'header',
    name: verify.name ?? '',
    secrets: '',
    toleranceMs: verify.tolerance_ms,
  }
}

export function complaintOfVerify(draft: VerifyDraft): string | undefined {
  const { scheme, name, username } = draft
  if (scheme === 'secret' && name.trim() === '') return 'Say what the secret is called there.'
  if (scheme === 'basic' && username === '') return 'Give the username.'
  const { makes, label } = SCHEMES[scheme]
  if (scheme !== 'none' && !makes && secretsOf(draft).length === 0) {
    return `Give the secret, which ${label} makes.`
  }
  return undefined
}

export function draftOf(source: Source): Draft {
  const { function: fn, publish } = source
  const from = publish?.type_from
  return {
    description: source.description,
    runs: fn !== null,
    wasmId: fn === null ? '' : String(fn.wasm_id),
    functionName: fn?.name ?? '',
    answer: fn?.answer ?? 'accepted',
    publishes: publish !== null,
    typeIn: from?.in ?? 'fixed',
    type: from?.name ?? publish?.type ?? '',
    prefix: publish?.prefix ?? '',
    rare: rareOf(source),
  }
}

type Rare = Required<Pick<SourceChange, 'format' | 'event_id' | 'challenge'>>

const NO_RARE: Rare = { format: 'auto', event_id: null, challenge: null }

function rareOf(source: Source): string {
  const set = Object.entries(NO_RARE).flatMap(([name, usual]) => {
    const value = source[name as keyof Rare]
    return value === usual ? [] : [[name, value]]
  })
  return set.length === 0 ? '' : JSON.stringify(Object.fromEntries(set), null, 2)
}

/** A sentence where the JSON cannot be sent; what its members say is for the server to judge. */
export function complaintOfRare(text: string): string | undefined {
  if (text.trim() === '') return undefined
  const value = readObject(text)
  if (value === undefined) return 'This is not a JSON object yet.'
  const odd = Object.keys(value).find((name) => !(name in NO_RARE))
  return odd === undefined ? undefined : `${odd} is none of ${Object.keys(NO_RARE).join(', ')}.`
}

export function complaintOf(draft: Draft): string | undefined {
  if (!draft.runs && !draft.publishes) return 'It has to run a function, publish, or both.'
  if (draft.runs && !/^[1-9]\d*$/.test(draft.wasmId.trim())) return 'Give the id of a function.'
  if (draft.runs && draft.functionName.trim() === '') return 'Choose which export it calls.'
  if (draft.publishes && draft.type.trim() === '') {
    return draft.typeIn === 'fixed' ? 'Name the event type.' : 'Say where the event type stands.'
  }
  return complaintOfRare(draft.rare)
}

type Settings = Omit<Required<SourceChange>, 'verify' | 'enabled'>

export function settingsOf(draft: Draft): Settings {
  return {
    description: draft.description.trim(),
    function: draft.runs
      ? {
          wasm_id: Number(draft.wasmId),
          name: draft.functionName.trim(),
          answer: draft.answer,
        }
      : null,
    publish: draft.publishes ? publishOf(draft) : null,
    ...NO_RARE,
    ...(readObject(draft.rare) as Partial<Rare> | undefined),
  }
}

function publishOf({ typeIn, type, prefix }: Draft): NonNullable<Settings['publish']> {
  if (typeIn === 'fixed') return { type: type.trim() }
  const from = { in: typeIn, name: type.trim() }
  return { type_from: from, prefix }
}

/** Of the two, what is another now: what is untouched stays as it is, secrets that are masked too. */
export function changeOf(before: Draft, after: Draft): SourceChange {
  const old = settingsOf(before)
  const changed = Object.entries(settingsOf(after)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name as keyof Settings]),
  )
  return Object.fromEntries(changed)
}

function readObject(text: string): object | undefined {
  try {
    const value = parseExactly(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
