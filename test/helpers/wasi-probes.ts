// Modules that call one import of WASI each with given arguments and return its error number.
import { assemble } from './guests.ts'

/** Import, arguments, the error number that it must answer with. */
export type Probe = readonly [name: string, values: readonly number[], errno: number]

/** Every function of preview 1 and its parameters: `i` is i32, `I` is i64. */
export const IMPORTS: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
}

/**
 * `probe_0`, `probe_1` and so on, one for each row, in a memory of one page. At 64 lie pieces of a
 * read or write: a whole one (8 bytes at 256), one that begins outside the memory, and one that ends
 * there.
 */
export function probes(rows: readonly Probe[]): Buffer {
  const names = [...new Set(rows.map(([name]) => name))]
  const wat = (type: string | undefined): string => (type === 'I' ? 'i64' : 'i32')
  const types = (name: string): string => IMPORTS[name] ?? ''
  return assemble(`(module
    ${names
      .map(
        (name) => `(import "wasi_snapshot_preview1" "${name}" (func $${name}
          ${Array.from(types(name))
            .map((type) => `(param ${wat(type)})`)
            .join(' ')}
          ${name === 'proc_exit' ? '' : '(result i32)'}))`,
      )
      .join('\n')}
    (memory (export "memory") 1)
    (data (i32.const 64)
      "\\00\\01\\00\\00\\08\\00\\00\\00" "\\fc\\ff\\00\\00\\05\\00\\00\\00" "\\00\\01\\00\\00\\ff\\ff\\ff\\ff")
    (data (i32.const 256) "../../..")
    ${rows
      .map(
        ([name, values], n) => `(func (export "probe_${n}") (result i32)
          (call $${name}
            ${values.map((value, at) => `(${wat(types(name)[at])}.const ${value})`).join(' ')}))`,
      )
      .join('\n')})`)
}
