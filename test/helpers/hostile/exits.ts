// Guests that leave before they have a result.
import { guest } from '../guests.ts'
import { atStart, exit, ok } from './expected.ts'
import type { HostileGuest } from './expected.ts'

export const EXITS: readonly HostileGuest[] = [
  {
    name: 'exits',
    topic: 'exits',
    wasm: () => guest('hostile/exits'),
    calls: [
      ['exits with 0 before it has a result', 'exits', exit(0), ['0']],
      ['exits with 1', 'exits', exit(1), ['1']],
      ['exits with -1', 'exits', exit(-1), ['-1']],
      ['exits with 2^31 - 1', 'exits', exit(2_147_483_647), ['2147483647']],
      ['aborts itself', 'raises', exit(134), ['6']],
      ['kills itself', 'raises', exit(137), ['9']],
      ['raises a signal that does not exist', 'raises', exit(2_147_483_647), ['2147483647']],
    ],
  },
  {
    name: 'exits at its start',
    topic: 'exits',
    wasm: atStart('(start $it)', '(func $it (call $exit (i32.const 3)))'),
    calls: [['exits in its start function', 'answer', exit(3)]],
  },
  {
    name: 'fails as a program',
    topic: 'exits',
    wasm: () => guest('wasi-program'),
    calls: [
      ['fails as a program', 'run', exit(3), ['', 'exit']],
      ['exits with 0 as a program', 'run', ok('done'), ['', 'zero']],
    ],
  },
]
