// Which event types a pattern stands for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isEventPattern,
  isEventTypeName,
  matchesEvent,
  patternsMatching,
} from '../src/event-pattern.ts'

test('a star is one word, as the last one or more, and alone all', () => {
  const rows: [pattern: string, matched: string[], others: string[]][] = [
    ['*', ['a', 'a.b', 'a.b.c'], []],
    ['a', ['a'], ['a.b', 'b', 'ab']],
    ['a.*', ['a.b', 'a.b.c'], ['a', 'b.a', 'ab.c']],
    ['a.*.c', ['a.b.c'], ['a.c', 'a.b.b.c', 'a.b.c.d']],
    ['*.b', ['a.b'], ['b', 'a.b.c', 'a.a.b']],
    ['*.b.*', ['a.b.c', 'a.b.c.d'], ['a.b', 'b.c']],
  ]
  for (const [pattern, matched, others] of rows) {
    for (const type of matched) assert.ok(matchesEvent(pattern, type), `${pattern} ${type}`)
    for (const type of others) assert.ok(!matchesEvent(pattern, type), `${pattern} ${type}`)
  }
})

test('what the server tells is matched by its name alone', () => {
  const type = 'endpoint.disabled'
  for (const pattern of ['*', 'endpoint.*', '*.disabled', '*.*']) {
    assert.ok(!matchesEvent(pattern, type), pattern)
  }
  assert.ok(matchesEvent(type, type))
  assert.deepEqual(patternsMatching(type), [type])
})

test('a name is of words with dots between them, and a pattern a name with stars for words', () => {
  for (const name of ['a', 'A_1-b', 'a.b', 'a'.repeat(128), 'a.b.c.d.e.f.g.h']) {
    assert.ok(isEventTypeName(name) && isEventPattern(name), name)
  }
  for (const pattern of ['*', 'a.*', '*.b', 'a.*.c']) {
    assert.ok(!isEventTypeName(pattern) && isEventPattern(pattern), pattern)
  }
  for (const wrong of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a*',
    '**',
    'a/b',
    'a'.repeat(129),
    'a.b.c.d.e.f.g.h.i',
  ]) {
    assert.ok(!isEventTypeName(wrong) && !isEventPattern(wrong), wrong)
  }
})

test('the patterns that are looked up for a type are those that match it', () => {
  const words = ['a', 'b', '*']
  const longer = (patterns: string[]): string[] =>
    patterns.flatMap((pattern) => words.map((word) => `${pattern}.${word}`))
  const two = longer(words)
  const three = longer(two)
  const all = [...words, ...two, ...three, ...longer(three)]
  for (const type of all.filter(isEventTypeName)) {
    const matching = all.filter((pattern) => matchesEvent(pattern, type))
    assert.deepEqual(patternsMatching(type).sort(), matching.sort(), type)
  }
  assert.equal(patternsMatching('a.b.c.d.e.f.g.h').length, 383)
})
