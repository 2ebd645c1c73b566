// Cutting members out of JSON text: what is cut is gone, every other byte stays as it was.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutJsonMembers } from '../src/core/json-members.ts'

const CASES: readonly (readonly [claim: string, text: string, rest: string])[] = [
  ['the only member leaves an empty object', '{"callback":{"host":"h"}}', '{}'],
  ['a first member goes with the comma after it', '{"callback":1,"a":2}', '{"a":2}'],
  ['a last member goes with the comma before it', '{"a":2,"callback":1}', '{"a":2}'],
  ['a middle member leaves one comma', '{"a":1,"callback":1,"b":2}', '{"a":1,"b":2}'],
  ['a repeated member goes each time', '{"callback":1,"a":1,"callback":2}', '{"a":1}'],
  ['two leading members go together', '{"callback":1,"callback":2,"b":3}', '{"b":3}'],
  ['two trailing members go together', '{"b":3,"callback":1,"callback":2}', '{"b":3}'],
  ['only members of that name go', '{"callback":1,"callback":2}', '{}'],
  ['an escaped name is the name', '{"\\u0063allback":1,"a":2}', '{"a":2}'],
  [
    'spaces and line ends elsewhere stay',
    '{ "a" : 1 ,\n "callback" : {} ,\n "b" : 2 }',
    '{ "a" : 1 ,\n "b" : 2 }',
  ],
  [
    'numbers keep their spelling',
    '{"n":1.50e3,"callback":1,"big":12345678901234567890}',
    '{"n":1.50e3,"big":12345678901234567890}',
  ],
  [
    'nested members of that name stay',
    '{"a":{"callback":1},"callback":{"x":"}"}}',
    '{"a":{"callback":1}}',
  ],
  [
    'a name within a string stays',
    '{"a":"\\"callback\\":1","callback":1}',
    '{"a":"\\"callback\\":1"}',
  ],
  [
    'brackets within strings do not count',
    '{"callback":["]}\\\\",{"a":"["}],"z":null}',
    '{"z":null}',
  ],
]

for (const [claim, text, rest] of CASES) {
  test(claim, () => {
    const cut = cutJsonMembers(text, ['callback'])
    assert.equal(cut?.rest, rest)
    assert.doesNotThrow(() => JSON.parse(rest) as unknown)
    const expected = JSON.parse(text) as Record<string, unknown>
    assert.deepEqual(cut.values.get('callback'), expected.callback)
    delete expected.callback
    assert.deepEqual(JSON.parse(cut.rest), expected)
  })
}

test('what is no JSON object, or holds none of the names, is not cut', () => {
  for (const text of [
    '',
    'callback',
    '[{"callback":1}]',
    '"callback"',
    '{"callback":',
    '{"a":"callback"}',
    '{"Callback":1}',
  ]) {
    assert.equal(cutJsonMembers(text, ['callback']), undefined, text)
  }
})

test('several names are cut at once', () => {
  const cut = cutJsonMembers('{"SSVM_Fetch":"u","x":1,"SSVM_Callback":{}}', [
    'SSVM_Fetch',
    'SSVM_Callback',
  ])
  assert.equal(cut?.rest, '{"x":1}')
  assert.deepEqual(
    [...cut.values],
    [
      ['SSVM_Fetch', 'u'],
      ['SSVM_Callback', {}],
    ],
  )
})
