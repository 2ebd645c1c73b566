// Guests whose allocator gives what is no memory of theirs, or does not give at all.
import { guest } from '../guests.ts'
import { ABI, MEMORY, allocator, exit, ok, trap } from './expected.ts'
import type { HostileGuest } from './expected.ts'

export const ALLOCATOR: readonly HostileGuest[] = [
  ...(
    [
      ['gives no memory', '(i32.const 0)', ABI],
      ['gives the last address there is', '(i32.const -1)', ABI],
      ['gives the end of its memory', '(i32.const 65536)', ABI],
      ['gives too little before the end of its memory', '(i32.const 65533)', ABI],
      ['gives the lowest negative address', '(i32.const 0x80000000)', ABI],
      ['gives just enough before the end of its memory', '(i32.const 65532)', ok('4')],
      ['gives an unaligned address', '(i32.const 1027)', ok('4')],
      ['traps', 'unreachable', trap('unreachable')],
      [
        'writes outside its memory',
        '(i32.store (i32.const -1) (i32.const 0)) (i32.const 8)',
        trap('memory_out_of_bounds'),
      ],
      [
        'grows its memory and gives what is new',
        '(i32.shl (memory.grow (i32.const 1)) (i32.const 16))',
        ok('4'),
      ],
      [
        'takes all memory there is and gives up',
        '(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable',
        MEMORY,
      ],
    ] as const
  ).map(([does, body, expected]) => ({
    name: `allocator that ${does}`,
    topic: 'allocator' as const,
    wasm: allocator(body),
    calls: [[`has an allocator that ${does}`, 'length', expected, ['text']] as const],
  })),
  {
    name: 'allocator that repeats itself',
    topic: 'allocator',
    wasm: allocator('(i32.const 1024)'),
    // It spoils nobody's arguments but its own.
    calls: [['has an allocator that gives one address twice', 'both', ok('two'), ['one', 'two']]],
  },
  {
    name: 'allocator beneath an import',
    topic: 'allocator',
    wasm: () => guest('hostile/through-host'),
    calls: [
      ['traps in what an import calls', 'traps', trap('unreachable')],
      ['exits in what an import calls', 'exits', exit(9)],
      ['gives an import an address outside its memory', 'points_away', ABI],
      ['wants an answer outside its memory', 'wants_it_nowhere', ABI],
    ],
  },
]
