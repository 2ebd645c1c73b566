// XML and YAML of sources: what they become, and that hostile documents are refused in time and with their place.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  CONVERTED_JSON_BYTES_MAX,
  DOCUMENT_DEPTH_MAX,
  XML_BYTES_MAX,
  YAML_BYTES_MAX,
} from '../src/core/conversion/document.ts'
import { converted, refusalOf } from './helpers/conversion.ts'

const xml = (text: string): string => converted('application/xml', text).bytes.toString()
const yaml = (text: string): string => converted('application/yaml', text).bytes.toString()

/** As many of a unit as a document of the format may have. */
function filledTo(bytesMax: number) {
  return (head: string, unit: string, tail = ''): string => {
    const room = bytesMax - head.length - tail.length
    return head + unit.repeat(Math.floor(room / unit.length)) + tail
  }
}

function assertRefused(action: () => unknown, line: number, column: number): void {
  const refusal = refusalOf(action)
  assert.equal(refusal.code, 'INVALID_DOCUMENT', refusal.message)
  assert.deepEqual(refusal.detail, { line, column }, refusal.message)
  assert.ok(refusal.message.length < 400, refusal.message)
}

describe('XML', () => {
  const filled = filledTo(XML_BYTES_MAX)

  for (const [text, expected] of [
    ['<a/>', '{"a":""}'],
    ['<a></a >', '{"a":""}'],
    ['<a> 007 </a>', '{"a":" 007 "}'],
    ['<a>true</a>', '{"a":"true"}'],
    ['<a b="1" c=\'2\'/>', '{"a":{"@b":"1","@c":"2"}}'],
    ['<a b="1"> x </a>', '{"a":{"@b":"1","#text":" x "}}'],
    ['<a\tb = "1"\n/>', '{"a":{"@b":"1"}}'],
    ['<a b="/"/>', '{"a":{"@b":"/"}}'],
    ['<a b=">\'"/>', '{"a":{"@b":">\'"}}'],
    ['<a b="x\ty\nz&#10;"/>', '{"a":{"@b":"x y z\\n"}}'],
    ['<a><b>1</b><c/><b>2</b><b x="3"/></a>', '{"a":{"b":["1","2",{"@x":"3"}],"c":""}}'],
    ['<a>\n  <b>1</b>\n  <b>2</b>\n</a>\n', '{"a":{"b":["1","2"]}}'],
    ['<p>Hello <b>big</b> world</p>', '{"p":{"b":"big","#text":"Hello  world"}}'],
    ['<a>x<![CDATA[<&]] ]>y]]>z</a>', '{"a":"x<&]] ]>yz"}'],
    ['<a><![CDATA[]]></a>', '{"a":""}'],
    ['<a><![CDATA[ ]]><b/></a>', '{"a":{"b":""}}'],
    ['<a>&lt;b&gt; &amp;amp; &quot;&apos;</a>', '{"a":"<b> &amp; \\"\'"}'],
    ['<a>&#65;&#x1F600;&#x0000041;</a>', '{"a":"A😀A"}'],
    ['<a b="&lt;&#38;lt;"/>', '{"a":{"@b":"<&lt;"}}'],
    ['<a>1\r\n2\r3</a>', '{"a":"1\\n2\\n3"}'],
    ['<a>one<!-- <b> -->two<?pi <c>?></a>', '{"a":"onetwo"}'],
    ["<a><?pi it's?><b>kept</b><?pi it's?></a>", '{"a":{"b":"kept"}}'],
    ["<a><!-- it's --><b>kept</b><!-- it's --></a>", '{"a":{"b":"kept"}}'],
    ['<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- c -->\n<a/>', '{"a":""}'],
    ["<?xml version='1.0' encoding='us-ascii'?><a/>", '{"a":""}'],
    ['<?xml version="1.0" encoding="utf8"?><a/>', '{"a":""}'],
    ['<a><!----><!-- - -> > - --></a>', '{"a":""}'],
    [
      '<s:a xmlns:s="urn:x" s:b="1"><s:c/></s:a>',
      '{"s:a":{"@xmlns:s":"urn:x","@s:b":"1","s:c":""}}',
    ],
    ['<größe π="3">1</größe>', '{"größe":{"@π":"3","#text":"1"}}'],
    [
      '<a><toString/><hasOwnProperty/><valueOf/><__defineGetter__/></a>',
      '{"a":{"toString":"","hasOwnProperty":"","valueOf":"","__defineGetter__":""}}',
    ],
    ['<a __proto__="1" constructor="2"/>', '{"a":{"@__proto__":"1","@constructor":"2"}}'],
  ] as const) {
    test(`${JSON.stringify(text)} becomes ${expected}`, () => assert.equal(xml(text), expected))
  }

  for (const [text, line, column] of [
    ['', 1, 1],
    ['<!-- nothing -->', 1, 17],
    ['x', 1, 1],
    ['<a>', 1, 4],
    ['<a>\n<b></a>', 2, 4],
    ['<a/></a>', 1, 5],
    ['<a/><b/>', 1, 5],
    ['<a></a><b></b>', 1, 8],
    ['<a/>x', 1, 5],
    ['<a/><![CDATA[x]]>', 1, 5],
    ['<a><b', 1, 6],
    ['< a/>', 1, 1],
    ['<1/>', 1, 1],
    ['<a b/>', 1, 3],
    ['<a b=1/>', 1, 3],
    ['<a b="1"c="2"/>', 1, 9],
    ['<a b="1" b="2"/>', 1, 10],
    ['<a b="<"/>', 1, 3],
    ['<a>&nbsp;</a>', 1, 4],
    ['<a>&amp</a>', 1, 4],
    ['<a>&am<!-- -->p;</a>', 1, 4],
    ['<a>a & b</a>', 1, 6],
    ['<a b="&x;"/>', 1, 7],
    ['<a>&#0;</a>', 1, 4],
    ['<a>&#xD800;</a>', 1, 4],
    ['<a>&#x110000;</a>', 1, 4],
    ['<a>&#99999999999999999999;</a>', 1, 4],
    ['<a>\u0001</a>', 1, 4],
    ['<a>]]></a>', 1, 4],
    ['<a><!-- </a>', 1, 8],
    ['<a><!-- -- --></a>', 1, 9],
    ['<a><!-- x ---></a>', 1, 11],
    ['<a><!---></a>', 1, 8],
    ['<?xml version="1.0" encoding=\'UTF-8"?><a/>', 1, 1],
    ['<?xml version="1.0" standalone="yes\'?><a/>', 1, 1],
    ['<a><![CDATA[</a>', 1, 4],
    ['<a><?pi </a>', 1, 8],
    ['<a><?>?></a>', 1, 4],
    ['<a><?xml version="1.0"?></a>', 1, 4],
    ['<a><!b></a>', 1, 4],
    [' <?xml version="1.0"?><a/>', 1, 2],
    ['<?xml version="2.0"?><a/>', 1, 1],
    ['<?xml encoding="utf-8"?><a/>', 1, 1],
    ['<!DOCTYPE a><a/>', 1, 1],
    ['<?xml version="1.0"?>\n<!doctype a><a/>', 2, 1],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 1, 1],
    ['<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1/">]><a>&b;</a>', 1, 1],
    ['<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>', 1, 1],
    ['<a><__proto__>1</__proto__></a>', 1, 4],
    ['<constructor/>', 1, 1],
    ['<a><b/>\n<prototype/></a>', 2, 1],
  ] as const) {
    test(`${JSON.stringify(text)} is refused at ${line}:${column}`, () => {
      assertRefused(() => xml(text), line, column)
    })
  }

  test('what begins with <! is told as what it is', () => {
    for (const [text, told] of [
      ['<!DOCTYPE a><a/>', 'has a document type, which is not taken'],
      ['<a><!doctype a></a>', 'has a document type, which is not taken'],
      ['<a><![cdata[x]]></a>', 'has a <! that begins neither a comment nor CDATA'],
      ['<a><!b></a>', 'has a <! that begins neither a comment nor CDATA'],
      ['<a><!- x --></a>', 'has a <! that begins neither a comment nor CDATA'],
      ['<a><!-- -- --></a>', 'has -- in a comment'],
    ] as const) {
      const { message } = refusalOf(() => xml(text))
      assert.ok(message.startsWith(`The XML ${told} (`), message)
    }
  })

  test('another encoding than UTF-8 is a type that is not taken', () => {
    for (const encoding of ['ISO-8859-1', 'UTF-16', 'windows-1252']) {
      const refusal = refusalOf(() => xml(`<?xml version="1.0" encoding="${encoding}"?><a/>`))
      assert.equal(refusal.code, 'UNSUPPORTED_MEDIA_TYPE')
      assert.ok(refusal.message.includes(encoding))
    }
  })

  test('DOCUMENT_DEPTH_MAX levels are taken, one more is refused', () => {
    const deep = (levels: number): string => '<a>'.repeat(levels) + '</a>'.repeat(levels)
    xml(deep(DOCUMENT_DEPTH_MAX))
    assertRefused(() => xml(deep(DOCUMENT_DEPTH_MAX + 1)), 1, DOCUMENT_DEPTH_MAX * 3 + 1)
    assertRefused(() => xml(filled('', '<a>')), 1, DOCUMENT_DEPTH_MAX * 3 + 1)
  })

  test('documents that are full of one thing end, taken or refused', () => {
    const attributes = Array.from({ length: 10_000 }, (_, index) => ` a${index}="x"`).join('')
    assert.equal(
      Object.keys((JSON.parse(xml(`<a${attributes}/>`)) as { a: object }).a).length,
      10_000,
    )
    const names = Array.from({ length: 10_000 }, (_, index) => `<a${index}/>`).join('')
    assert.equal(
      Object.keys((JSON.parse(xml(`<a>${names}</a>`)) as { a: object }).a).length,
      10_000,
    )
    for (const unit of ['<b/>', 'x<b/>', '&lt;', ' ', '<!---->', '<![CDATA[]]>', '<?p?>', '\r\n']) {
      xml(filled('<a>', unit, '</a>'))
    }
    xml(filled('<', 'a', '/>'))
    xml(filled('<a b="', '\n', '"/>'))
    for (const unit of ['<a ', ' a=', ' a', '"', '<', '&', '</', '<!--', '<?', 'a="']) {
      assert.equal(refusalOf(() => xml(filled('<a ', unit))).code, 'INVALID_DOCUMENT')
    }
  })

  test('of what is taken nothing is lost', () => {
    const piece = fc.constantFrom(
      ...['<a>', '</a>', '<b x="1">', '</b>', '<c/>', 'text', '&amp;', '<!-- ', ' -->', "'", '"'],
      ...['<?p ', '?>', '<![CDATA[', ']]>', '<', '>', ' ', '\n', '&', '=', "y='"],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = `<a>${pieces.join('')}</a>`
        let made: string
        try {
          made = xml(text)
        } catch {
          return
        }
        // Each self-closed element outside comments and the like is in the JSON.
        const bare = text.replace(/<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>/gs, '')
        const elements = (bare.match(/<[abc]/g) ?? []).length
        assert.equal(countElements(JSON.parse(made)), elements, text)
      }),
      { seed: 1, numRuns: 20_000 },
    )
  })
})

/** Values of members that are no attributes and no text. */
function countElements(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  return Object.entries(value).reduce((sum, [name, child]) => {
    if (name.startsWith('@') || name === '#text') return sum
    const children: unknown[] = Array.isArray(child) ? child : [child]
    return children.reduce<number>((all, one) => all + 1 + countElements(one), sum)
  }, 0)
}

describe('YAML', () => {
  const filled = filledTo(YAML_BYTES_MAX)

  for (const [text, expected] of [
    ['', 'null'],
    ['# nothing\n', 'null'],
    ['---\na: 1\n...\n', '{"a":1}'],
    [
      'a: {b: [1, x, "y", \'z\']}\nc: |\n  two\n  lines\n',
      '{"a":{"b":[1,"x","y","z"]},"c":"two\\nlines\\n"}',
    ],
    [
      '[true, False, null, ~, yes, no, on, 2024-01-01, 1:30]',
      '[true,false,null,null,"yes","no","on","2024-01-01","1:30"]',
    ],
    [
      '[12345678901234567890, -9007199254740993, 0.1000000000000000055, 1e400]',
      '[12345678901234567890,-9007199254740993,0.1000000000000000055,1e400]',
    ],
    [
      '[+7, 007, -0, .5, 5., -.5e+3, 1.50, 0x1F, 0o17, 0xFFFFFFFFFFFFFFFFFF]',
      '[7,7,-0,0.5,5,-0.5e+3,1.50,31,15,4722366482869645213695]',
    ],
    ['[!!str 1, !!int "2", !!float 3.0, ! 4]', '["1",2,3.0,"4"]'],
    ['1: a\n1.0: b\ntrue: c\nnull: d\n: e\n', '{"1":"a","1.0":"b","true":"c","null":"d","":"e"}'],
    ['a: &x {b: 1}\nc: *x\nd: &x 2\ne: *x', '{"a":{"b":1},"c":{"b":1},"d":2,"e":2}'],
    ['a: &y {p: &x 1}\nb: &x 2\nc: *y\nd: *x', '{"a":{"p":1},"b":2,"c":{"p":1},"d":2}'],
    ['a: &x {b: 1}\nc:\n  <<: *x\n', '{"a":{"b":1},"c":{"<<":{"b":1}}}'],
    ['%YAML 1.2\n---\n[yes, 010]', '["yes",10]'],
    ['%YAML\t1.2 # so\n---\n1', '1'],
    ['a: 1 # x\r\nb: "y\r\n  z"\r\n', '{"a":1,"b":"y z"}'],
    ['"\u007f\u0085\u2028\uffff\t"', '"\u007f\u0085\u2028\uffff\\t"'],
    ['__proto__: {polluted: 1}\nconstructor: 2', '{"__proto__":{"polluted":1},"constructor":2}'],
    ['2: a\n1: b', '{"2":"a","1":"b"}'],
    ['? a\n? b', '{"a":null,"b":null}'],
    ['[a: 1, b]', '[{"a":1},"b"]'],
    ['"\\ud800"', '"\\ud800"'],
  ] as const) {
    test(`of YAML ${JSON.stringify(text)} becomes ${expected}`, () =>
      assert.equal(yaml(text), expected))
  }

  for (const [text, line, column] of [
    ['a: 1\nb: [1,', 2, 7],
    ['a: "x', 1, 6],
    ['a: 1\n b: 2', 1, 4],
    ['\ta: 1\n\tb: 2', 1, 1],
    ['a: 1\nb: 2\na: 3', 3, 1],
    ['{"a": 1, a: 2}', 1, 10],
    ['1: a\n"1": b', 2, 1],
    ['a: 1\n---\nb: 2', 2, 1],
    ['a: .nan', 1, 4],
    ['[1, .inf]', 1, 5],
    ['- -.Inf', 1, 3],
    ['a: !custom 1', 1, 4],
    ['a: !!binary aGk=', 1, 4],
    ['a: !!timestamp 2024-01-01', 1, 4],
    ['a: !!set {x}', 1, 4],
    ['a: !!int x', 1, 4],
    ['a: !!js/function x', 1, 4],
    ['a: *nowhere', 1, 4],
    ['a: *x\nb: &x 1', 1, 4],
    ['? [a]\n: b', 1, 3],
    ['&x a: 1\n*x : 2', 2, 1],
    ['a: @', 1, 4],
    ['a: &x [*x]', 1, 7],
    ['a: 1 # x\rb: 2', 1, 9],
    ['a: 1\n"b\rc": 2', 2, 3],
    ['a: 1\r', 1, 5],
    ['a: x\u0000y', 1, 5],
    ['a: "\u0007"', 1, 5],
    ['# \u001b\na: 1', 1, 3],
    ['%YAML 1.1\n---\n[yes, 010]', 1, 1],
    ['%YAML 1.3\n---\n1', 1, 1],
    ['%YAML 1.20\n---\n1', 1, 1],
    ['%YAML\n---\n1', 1, 1],
    ['# so\n%YAML 2.0\n---\n1', 2, 1],
  ] as const) {
    test(`of YAML ${JSON.stringify(text)} is refused at ${line}:${column}`, () => {
      assertRefused(() => yaml(text), line, column)
    })
  }

  test('DOCUMENT_DEPTH_MAX levels are taken, one more is refused, however they are written', () => {
    for (const [open, value, close] of [
      ['[', '1', ']'],
      ['{a: ', '1', '}'],
      ['- ', '1', ''],
      ['? ', '1', ''],
    ] as const) {
      const deep = (levels: number): string => open.repeat(levels) + value + close.repeat(levels)
      if (open !== '? ') yaml(deep(DOCUMENT_DEPTH_MAX))
      for (const levels of [DOCUMENT_DEPTH_MAX + 1, 2_000]) {
        const { code, message } = refusalOf(() => yaml(deep(levels)))
        assert.equal(code, 'INVALID_DOCUMENT')
        assert.match(message, open === '? ' ? /keys must be strings|deeper/ : /deeper than 100/)
      }
      assert.match(refusalOf(() => yaml(filled('', open))).message, /deeper than 100 levels/)
    }
    const steps = Array.from({ length: 150 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')
    assert.match(refusalOf(() => yaml(steps)).message, /deeper than 100 levels/)
    const chain = Array.from({ length: 200 }, (_, level) => `- &a${level + 1} [*a${level}]`)
    const deepAlias = ['- &a0 1', ...chain].join('\n')
    assert.match(refusalOf(() => yaml(deepAlias)).message, /deeper than 100 levels/)
  })

  test('what aliases multiply is refused before it is made', () => {
    const rows = Array.from({ length: 20 }, (_, row) => {
      return `a${row + 1}: &a${row + 1} [${Array.from({ length: 10 }, () => `*a${row}`).join(', ')}]`
    })
    // It would be 10^20 texts.
    const laughs = ['a0: &a0 lol', ...rows].join('\n')
    const quadratic = filled(`a: &a "${'x'.repeat(8_000)}"\nb: [`, '*a,', ']')
    const empty = `a: &a []\nb: &b [${'*a,'.repeat(2_600)}`
    for (const text of [laughs, quadratic, `${empty}]\nc: [${'*b,'.repeat(1_000)}]`]) {
      const { code, detail, message } = refusalOf(() => yaml(text))
      assert.equal(code, 'BODY_TOO_LARGE', message)
      assert.equal(detail.limit_bytes, CONVERTED_JSON_BYTES_MAX)
    }
  })

  test('documents of YAML that are full of one thing end, taken or refused', () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => `key${index}: ""\n`).join('')
    assert.equal(Object.keys(JSON.parse(yaml(keys)) as object).length, 1_000)
    const anchors = Array.from({ length: 900 }, (_, n) => `- &a${n} x\n- *a${n}\n`)
    assert.equal((JSON.parse(yaml(anchors.join(''))) as unknown[]).length, 1_800)
    yaml(filled('a: ', '9'))
    yaml(filled('a: 0x', 'f'))
    yaml(filled('', '- a: b\n'))
    yaml(filled('[', '1,', ']'))
    for (const unit of ['- ,', '{}!', ': ,', '"', '&a ', '? ', '%A\n']) {
      assert.equal(refusalOf(() => yaml(filled('[ ', unit))).code, 'INVALID_DOCUMENT', unit)
    }
  })

  test('JSON is YAML, and stays what it is', () => {
    // YAML bounds a key of one line to 1,024 characters, and knows no number that JSON does not.
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value)
        assert.equal(yaml(text), text)
      }),
      { seed: 1, numRuns: 1_000 },
    )
  })
})
