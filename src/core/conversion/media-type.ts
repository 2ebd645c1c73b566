// What a Content-Type says: its type, and its charset.

export interface MediaType {
  /** In lower case, without parameters. */
  type: string
  /** In lower case. */
  charset: string | undefined
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const TYPE = new RegExp(`^\\s*(${TOKEN}/${TOKEN})`)
const PARAMETER = new RegExp(`\\s*;\\s*(?:(${TOKEN})=(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN})))?`, 'y')

/** Undefined where the text is no media type. */
export function parseMediaType(text: string): MediaType | undefined {
  const found = TYPE.exec(text)
  if (found === null) return undefined
  let charset: string | undefined
  let at = found[0].length
  for (;;) {
    PARAMETER.lastIndex = at
    const parameter = PARAMETER.exec(text)
    if (parameter === null) break
    const [all, name, inQuotes, plain] = parameter
    // Of two the first counts, for all that comes after us too.
    if (name?.toLowerCase() === 'charset') {
      charset ??= (plain ?? inQuotes?.replace(/\\(.)/g, '$1') ?? '').toLowerCase()
    }
    at += all.length
  }
  if (text.slice(at).trim() !== '') return undefined
  return { type: found[1]?.toLowerCase() ?? '', charset }
}

export function isUtf8Charset(charset: string | undefined): boolean {
  return charset === undefined || ['utf-8', 'utf8', 'us-ascii'].includes(charset)
}

const FORM = new Set(['application/x-www-form-urlencoded'])
const XML = new Set(['application/xml', 'text/xml'])
const YAML = new Set(['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'])

/** @param type in lower case, without parameters */
export function familyOf(type: string): 'json' | 'form' | 'xml' | 'yaml' | undefined {
  if (isJsonType(type)) return 'json'
  if (FORM.has(type)) return 'form'
  if (XML.has(type) || type.endsWith('+xml')) return 'xml'
  if (YAML.has(type) || type.endsWith('+yaml')) return 'yaml'
  return undefined
}

function isJsonType(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json')
}
