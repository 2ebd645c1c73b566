// Guests whose results or imports are not what they should be.
import { assemble, guest } from '../guests.ts'
import { ABI, OUTPUT, ok } from './expected.ts'
import type { HostileGuest } from './expected.ts'

export const RESULTS: readonly HostileGuest[] = [
  {
    name: 'floods',
    topic: 'results',
    wasm: () => guest('hostile/floods'),
    calls: [
      ['writes lines to standard output without end', 'lines', OUTPUT],
      ['writes 64 MiB to standard output at once', 'pieces', OUTPUT],
    ],
  },
  {
    name: 'results',
    topic: 'results',
    wasm: () => guest('hostile/results'),
    calls: [
      ['returns text that ends with its memory', 'ends_with_its_memory', ok('last')],
      ['returns text that ends past its memory', 'ends_past_its_memory', ABI],
      ['returns text that begins behind its memory', 'begins_behind_its_memory', ABI],
      ['returns a length of -1', 'has_a_negative_length', ABI],
      ['returns a length of -2^31', 'has_the_most_negative_length', ABI],
      ['returns a negative pointer', 'has_a_negative_pointer', ABI],
      ['returns text around the end of all memory', 'wraps_around', ABI],
      ['returns nothing from nowhere', 'is_empty_anywhere', ok('')],
      ['would trap if anybody freed its result', 'would_trap_when_freed', ok('text')],
    ],
  },
  {
    name: 'broken-results',
    topic: 'results',
    wasm: () => guest('broken-results'),
    calls: [
      ['returns more than OUTPUT_BYTES', 'everything', OUTPUT],
      ['writes no result', 'unwritten', ABI],
      ['returns no UTF-8 as text', 'not_utf8', { status: 500, code: 'INVALID_UTF8' }],
      ['names an error it does not have', 'no_such_error', { status: 422, code: 'FUNCTION_ERROR' }],
    ],
  },
  {
    name: 'broken-stack-pointer',
    topic: 'results',
    wasm: () => guest('broken-stack-pointer'),
    calls: [['has its stack outside its memory', 'say', ABI, ['x']]],
  },
  {
    name: 'no-malloc',
    topic: 'results',
    wasm: () => guest('no-malloc'),
    calls: [
      ['takes text without an allocator', 'length', ABI, ['text']],
      ['returns text without a memory', 'say', ABI],
    ],
  },
  {
    name: 'missing-import',
    topic: 'results',
    wasm: () => guest('missing-import'),
    calls: [
      [
        'calls an import nobody provides',
        'calls',
        { status: 500, code: 'MISSING_IMPORT', detail: { import: 'env.launch' } },
        ['1'],
      ],
    ],
  },
  {
    name: 'spawns',
    topic: 'results',
    wasm: () =>
      assemble(`(module
        (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (func (export "spawns") (result i32) (call $spawn (i32.const 0))))`),
    calls: [
      [
        'spawns a thread',
        'spawns',
        { status: 500, code: 'MISSING_IMPORT', detail: { import: 'wasi.thread-spawn' } },
      ],
    ],
  },
]
