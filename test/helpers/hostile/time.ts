// Guests that never end: RUN_TIMEOUT_MS ends them, whatever they are at.
import { guest } from '../guests.ts'
import { TIMEOUT, allocator, atStart } from './expected.ts'
import type { HostileGuest } from './expected.ts'

const SPIN = '(func $it (loop $again (br $again)))'

export const TIME: readonly HostileGuest[] = [
  {
    name: 'endless',
    topic: 'time',
    wasm: () => guest('hostile/endless'),
    calls: [
      ['loops', 'loop', TIMEOUT],
      ['loops by a table of branches', 'branch_table', TIMEOUT],
      ['calls itself in the tail', 'tail_calls', TIMEOUT],
      ['calls itself in the tail, through a table', 'indirect_tail_calls', TIMEOUT],
      ['calls itself 2^60 times', 'tree_of_calls', TIMEOUT],
      ['fills its memory again and again', 'fills_memory', TIMEOUT],
      ['copies its memory again and again', 'copies_memory', TIMEOUT],
      ['initialises its memory again and again', 'initialises_memory', TIMEOUT],
      ['fills its table again and again', 'fills_table', TIMEOUT],
      ['grows its memory by nothing again and again', 'grows_by_nothing', TIMEOUT],
      ['asks for memory again and again', 'grows_in_vain', TIMEOUT],
    ],
  },
  {
    name: 'waits',
    topic: 'time',
    wasm: () => guest('hostile/waits'),
    calls: [
      ['sleeps for an hour', 'sleeps_an_hour', TIMEOUT],
      ['sleeps for ever', 'sleeps_for_ever', TIMEOUT],
      ['sleeps until the year 2554', 'sleeps_until_the_last_day', TIMEOUT],
      ['waits for 1,024 hours at once', 'sleeps_a_thousandfold', TIMEOUT],
      ['naps again and again', 'naps', TIMEOUT],
      ['yields again and again', 'yields', TIMEOUT],
      ['watches the clock', 'watches_the_clock', TIMEOUT],
      ['draws random numbers without end', 'draws_random_numbers', TIMEOUT],
      ['logs lines without end', 'logs_lines', TIMEOUT],
      ['reads an ended stream again and again', 'reads_an_ended_stream', TIMEOUT],
      ['asks for its environment again and again', 'asks_for_its_environment', TIMEOUT],
    ],
  },
  ...(
    [
      ['loops in its start function', '(start $it)'],
      ['loops in _initialize', '(export "_initialize" (func $it))'],
      ['loops in __wbindgen_start', '(export "__wbindgen_start" (func $it))'],
    ] as const
  ).map(([does, start]) => ({
    name: does,
    topic: 'time' as const,
    wasm: atStart(start, SPIN),
    calls: [[does, 'answer', TIMEOUT] as const],
  })),
  {
    name: 'allocator that never returns',
    topic: 'time',
    wasm: allocator('(loop $again (br $again)) (i32.const 0)'),
    calls: [['has an allocator that never returns', 'length', TIMEOUT, ['text']]],
  },
  {
    name: 'through-host',
    topic: 'time',
    wasm: () => guest('hostile/through-host'),
    calls: [['loops in what an import calls', 'spins', TIMEOUT]],
  },
]
