// Guests that want more than they may have, or reach past what they have.
import { assemble, guest } from '../guests.ts'
import { MEMORY, TABLE, ok, trap } from './expected.ts'
import type { HostileGuest } from './expected.ts'

export const GREED: readonly HostileGuest[] = [
  {
    name: 'greedy',
    topic: 'greed',
    wasm: () => guest('hostile/greedy'),
    calls: [
      ['grows its memory by 4 GiB and gives up', 'grows_memory_at_once', MEMORY],
      ['grows its memory page by page and gives up', 'grows_memory_by_steps', MEMORY],
      ['grows its memory by 4 GiB and carries on', 'takes_no_for_an_answer', ok('-1')],
      ['writes to all the memory it can get', 'touches_all_it_gets', ok('64')],
      ['grows its table by 2^31 functions and gives up', 'grows_functions', TABLE],
      ['grows its table of values and gives up', 'grows_values', TABLE],
      ['recurses', 'recurses', trap('stack_overflow'), ['0']],
      ['recurses in turns', 'recurses_in_turns', trap('stack_overflow'), ['0']],
      ['recurses through its table', 'recurses_through_the_table', trap('stack_overflow'), ['0']],
      ['reads over the end of its memory', 'reads_at_the_end', trap('memory_out_of_bounds')],
      ['reads 8 GiB away', 'reads_a_far_offset', trap('memory_out_of_bounds')],
      [
        'reads a vector over the end of its memory',
        'reads_a_vector_at_the_end',
        trap('memory_out_of_bounds'),
      ],
      ['writes 8 GiB away', 'writes_behind_its_guard', trap('memory_out_of_bounds')],
      ['fills 4 GiB of its memory', 'fills_past_the_end', trap('memory_out_of_bounds')],
      ['copies from outside its memory', 'copies_from_past_the_end', trap('memory_out_of_bounds')],
      ['initialises past a segment', 'initialises_past_the_segment', trap('memory_out_of_bounds')],
      [
        'initialises from a dropped segment',
        'initialises_from_a_dropped_segment',
        trap('memory_out_of_bounds'),
      ],
      ['reads outside its table', 'reads_past_the_table', trap('table_out_of_bounds')],
      ['fills 2^32 places of its table', 'fills_past_the_table', trap('table_out_of_bounds')],
      [
        'initialises from dropped elements',
        'initialises_from_dropped_elements',
        trap('table_out_of_bounds'),
      ],
      ['calls outside its table', 'calls_past_the_table', trap('table_out_of_bounds')],
    ],
  },
  {
    name: 'misbehaves',
    topic: 'greed',
    wasm: () => guest('misbehaves'),
    calls: [
      'unreachable',
      'memory_out_of_bounds',
      'table_out_of_bounds',
      'indirect_call_to_null',
      'bad_signature',
      'integer_overflow',
      'integer_division_by_zero',
      'bad_conversion_to_integer',
    ].map((kind) => [`traps: ${kind}`, kind, trap(kind)] as const),
  },
  {
    name: 'starts too large',
    topic: 'greed',
    wasm: () => assemble('(module (memory 65) (func (export "f") (result i32) (i32.const 1)))'),
    calls: [['starts with more memory than RUN_MEMORY_BYTES', 'f', MEMORY]],
  },
  {
    name: 'starts with too large a table',
    topic: 'greed',
    wasm: () => assemble('(module (table 3001 funcref) (func (export "f")))'),
    calls: [['starts with a larger table than TABLE_ELEMENTS', 'f', TABLE]],
  },
  {
    name: 'hoards',
    topic: 'greed',
    wasm: () => guest('wasm-bindgen-87'),
    calls: [['hoards values of the host', 'hoard', { status: 500, code: 'MEMORY_LIMIT' }]],
  },
  {
    name: 'recurses through the host',
    topic: 'greed',
    wasm: () => guest('hostile/through-host'),
    calls: [['recurses through an import', 'recurses', trap('stack_overflow')]],
  },
]
