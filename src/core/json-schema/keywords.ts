// The keywords of JSON Schema 2020-12, and older spellings of some: each is made into a check once, when the schema is
// parsed. No code is generated from what a schema says.
import {
  applied,
  buildAllOf,
  buildAnyOf,
  buildContains,
  buildDependentRequired,
  buildDependencies,
  buildDependentSchemas,
  buildIf,
  buildItems,
  buildNot,
  buildOneOf,
  buildProperties,
  buildPropertyNames,
} from './applied.ts'
import { firstOf, readList, readText } from './keyword.ts'
import type { Build } from './keyword.ts'
import {
  atLeast,
  atMost,
  buildMultipleOf,
  buildPattern,
  buildRequired,
  buildType,
  buildUniqueItems,
  equalToOneOf,
  itemsOf,
  lengthOf,
  membersOf,
  ofNumbers,
  ofSizes,
} from './values.ts'

/** In the order in which they are checked; what several of them say is made by the first. */
export const KEYWORDS: readonly (readonly [name: string, build: Build])[] = [
  ['type', buildType],
  ['const', (keyword) => equalToOneOf([keyword.given], 'is not the one value it may have')],
  ['enum', (keyword) => equalToOneOf(readList(keyword), 'is none of the values it may have')],
  ['required', buildRequired],
  [
    'minimum',
    ofNumbers(
      (bound) => `is less than ${bound}`,
      (value, bound) => value >= bound,
    ),
  ],
  [
    'maximum',
    ofNumbers(
      (bound) => `is more than ${bound}`,
      (value, bound) => value <= bound,
    ),
  ],
  [
    'exclusiveMinimum',
    ofNumbers(
      (bound) => `is not more than ${bound}`,
      (value, bound) => value > bound,
    ),
  ],
  [
    'exclusiveMaximum',
    ofNumbers(
      (bound) => `is not less than ${bound}`,
      (value, bound) => value < bound,
    ),
  ],
  ['multipleOf', buildMultipleOf],
  ['minLength', ofSizes((bound) => `has fewer than ${bound} characters`, lengthOf, atLeast)],
  ['maxLength', ofSizes((bound) => `has more than ${bound} characters`, lengthOf, atMost)],
  ['pattern', buildPattern],
  ['minItems', ofSizes((bound) => `has fewer than ${bound} items`, itemsOf, atLeast)],
  ['maxItems', ofSizes((bound) => `has more than ${bound} items`, itemsOf, atMost)],
  ['uniqueItems', buildUniqueItems],
  ['minProperties', ofSizes((bound) => `has fewer than ${bound} properties`, membersOf, atLeast)],
  ['maxProperties', ofSizes((bound) => `has more than ${bound} properties`, membersOf, atMost)],
  ['dependentRequired', buildDependentRequired],
  ['dependentSchemas', buildDependentSchemas],
  ['dependencies', buildDependencies],
  ['propertyNames', buildPropertyNames],
  ['properties', buildProperties],
  ['patternProperties', (keyword) => firstOf(keyword, ['properties'], buildProperties)],
  [
    'additionalProperties',
    (keyword) => firstOf(keyword, ['properties', 'patternProperties'], buildProperties),
  ],
  ['prefixItems', buildItems],
  ['items', (keyword) => firstOf(keyword, ['prefixItems'], buildItems)],
  ['contains', buildContains],
  ['$ref', (keyword) => applied(keyword.named(readText(keyword)))],
  ['allOf', buildAllOf],
  ['anyOf', buildAnyOf],
  ['oneOf', buildOneOf],
  ['not', buildNot],
  ['if', buildIf],
]

/** Of no effect, or of one through a keyword beside them. */
export const SILENT_KEYWORDS: ReadonlySet<string> = new Set(
  (
    '$schema $id $anchor $comment $defs definitions title description default examples deprecated readOnly writeOnly ' +
    'format contentEncoding contentMediaType contentSchema then else minContains maxContains additionalItems'
  ).split(' '),
)

/** Refused: to pass them over would take for right what they call wrong. */
export const REFUSED_KEYWORDS: Readonly<Record<string, string>> = {
  unevaluatedProperties: 'use additionalProperties',
  unevaluatedItems: 'use items beside prefixItems',
  $dynamicRef: 'use $ref',
  $dynamicAnchor: 'use $anchor',
  $recursiveRef: 'use $ref',
  $recursiveAnchor: 'use $anchor',
}
