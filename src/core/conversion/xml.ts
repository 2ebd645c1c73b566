// XML becomes JSON: `{"order":{"@id":"7","line":["a","b"]}}`.
import { XMLParser } from 'fast-xml-parser'
import { DOCUMENT_DEPTH_MAX } from './document.ts'
import { checkedXml, resolveReferences } from './xml-markup.ts'

/** As the library has it: one member with the element's name, or `#text` or `#cdata`, and the attributes. */
interface OrderedNode {
  ':@'?: Record<string, string>
  [name: string]: unknown
}

type XmlElement = string | XmlObject
interface XmlObject {
  [name: string]: XmlElement | XmlElement[]
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  cdataPropName: '#cdata',
  // No value is guessed, trimmed or resolved but by us.
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  maxNestedTags: DOCUMENT_DEPTH_MAX,
  jPath: false,
  // Names like toString harm nobody, since our objects have no prototype.
  onDangerousProperty: (name) => name,
})

/**
 * @returns an object with the root element's name
 * @throws AppError INVALID_DOCUMENT, UNSUPPORTED_MEDIA_TYPE
 */
export function xmlToJson(text: string): string {
  const nodes = parser.parse(checkedXml(text)) as OrderedNode[]
  const root = nodes.find((node) => nameOf(node) !== '#text')
  return JSON.stringify(root === undefined ? {} : memberOf(root))
}

function memberOf(node: OrderedNode): XmlObject {
  const name = nameOf(node)
  const value = elementOf(node[name] as OrderedNode[], node[':@'] ?? {})
  return Object.assign(emptyObject(), { [name]: value })
}

/** Text alone where there is nothing else. White space beside elements is how the document is laid out. */
function elementOf(
  children: readonly OrderedNode[],
  attributes: Record<string, string>,
): XmlElement {
  const element = emptyObject()
  for (const [name, value] of Object.entries(attributes)) {
    element[name] = resolveReferences(value.replace(/[\t\n]/g, ' '))
  }
  let text = ''
  let hasElements = false
  for (const child of children) {
    const name = nameOf(child)
    if (name === '#text') text += resolveReferences(child[name] as string)
    else if (name === '#cdata') text += (child[name] as { '#text': string }[])[0]?.['#text'] ?? ''
    else {
      hasElements = true
      add(element, name, elementOf(child[name] as OrderedNode[], child[':@'] ?? {}))
    }
  }
  if (!hasElements && Object.keys(attributes).length === 0) return text
  if (hasElements ? /[^ \t\r\n]/.test(text) : text !== '') element['#text'] = text
  return element
}

function add(element: XmlObject, name: string, value: XmlElement): void {
  const before = element[name]
  if (before === undefined) element[name] = value
  else if (Array.isArray(before)) before.push(value)
  else element[name] = [before, value]
}

function nameOf(node: OrderedNode): string {
  for (const name in node) if (name !== ':@') return name
  return '#text'
}

function emptyObject(): XmlObject {
  return Object.create(null) as XmlObject
}
