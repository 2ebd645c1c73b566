//! The part of preview 1 that a function without files and sockets cannot use. Each answers with
//! the error number that a program meets where nothing is opened, so that any program links.

use wasmtime::{FuncType, Linker, Val, ValType};

use super::Host;
use super::wasi::{EBADF, ESPIPE};

const ENOTSUP: i32 = 58;

/// Name, parameters (`i` is i32, `I` is i64), error number.
const REFUSED: &[(&str, &str, i32)] = &[
    ("fd_advise", "iIIi", EBADF),
    ("fd_allocate", "iII", EBADF),
    ("fd_datasync", "i", EBADF),
    ("fd_fdstat_set_flags", "ii", EBADF),
    ("fd_fdstat_set_rights", "iII", EBADF),
    ("fd_filestat_get", "ii", EBADF),
    ("fd_filestat_set_size", "iI", EBADF),
    ("fd_filestat_set_times", "iIIi", EBADF),
    ("fd_pread", "iiiIi", EBADF),
    // The end of the list of opened folders: there are none.
    ("fd_prestat_get", "ii", EBADF),
    ("fd_prestat_dir_name", "iii", EBADF),
    ("fd_pwrite", "iiiIi", EBADF),
    ("fd_readdir", "iiiIi", EBADF),
    ("fd_renumber", "ii", EBADF),
    ("fd_seek", "iIii", ESPIPE),
    ("fd_sync", "i", EBADF),
    ("fd_tell", "ii", ESPIPE),
    ("path_create_directory", "iii", EBADF),
    ("path_filestat_get", "iiiii", EBADF),
    ("path_filestat_set_times", "iiiiIIi", EBADF),
    ("path_link", "iiiiiii", EBADF),
    ("path_open", "iiiiiIIii", EBADF),
    ("path_readlink", "iiiiii", EBADF),
    ("path_remove_directory", "iii", EBADF),
    ("path_rename", "iiiiii", EBADF),
    ("path_symlink", "iiiii", EBADF),
    ("path_unlink_file", "iii", EBADF),
    ("sock_accept", "iii", ENOTSUP),
    ("sock_recv", "iiiiii", ENOTSUP),
    ("sock_send", "iiiii", ENOTSUP),
    ("sock_shutdown", "ii", ENOTSUP),
];

/// Defines them in `module`. `fd_seek` has its arguments in another order in `wasi_unstable`,
/// with the same types, and answers alike.
pub(super) fn add_to_linker(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    for (name, params, errno) in REFUSED {
        let params = params
            .chars()
            .map(|c| if c == 'I' { ValType::I64 } else { ValType::I32 });
        let ty = FuncType::new(linker.engine(), params, [ValType::I32]);
        linker.func_new(module, name, ty, move |_, _, results| {
            results[0] = Val::I32(*errno);
            Ok(())
        })?;
    }
    Ok(())
}
