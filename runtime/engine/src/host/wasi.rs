//! WASI preview 1, as much as a function without files and sockets needs: arguments, variables,
//! standard streams, clocks, random numbers, exit. Everything else answers with an error number,
//! so that any program links. All of it is synchronous and touches only the call's own store.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasmtime::{Caller, Linker};

use super::stdio::{Log, Stdout};
use super::{Host, memory, wasi_poll, wasi_refused};
use crate::call::CallRequest;
use crate::error::{Exit, Failure};
use crate::store::StoreAccess;

pub(super) const SUCCESS: i32 = 0;
pub(super) const EBADF: i32 = 8;
pub(super) const EFAULT: i32 = 21;
pub(super) const EINVAL: i32 = 28;
pub(super) const EIO: i32 = 29;
pub(super) const ESPIPE: i32 = 70;

/// The most pieces that one read or write may have, as on Linux; it bounds the host's loop.
const IOV_MAX: u32 = 1024;
/// Random bytes are drawn in pieces of this many, with a look at the clock between them.
const RANDOM_CHUNK: u32 = 64 * 1024;

/// A call's arguments, variables and streams.
pub struct Wasi {
    request: Arc<CallRequest>,
    is_command: bool,
    started: Instant,
    stdin_at: usize,
    closed: [bool; 3],
    /// Where standard output goes.
    pub stdout: Stdout,
    /// What the guest wrote for people to read.
    pub log: Log,
}

impl Wasi {
    /// The streams of a call. A command's first input is its standard input, the others are
    /// arguments, and its standard output is the result.
    pub fn new(request: Arc<CallRequest>, is_command: bool) -> Self {
        let stdout = if is_command {
            Stdout::Result {
                bytes: Vec::new(),
                limit: request.limits().output_bytes,
            }
        } else {
            Stdout::Log
        };
        Wasi {
            log: Log::new(request.limits().log_bytes),
            request,
            is_command,
            started: Instant::now(),
            stdin_at: 0,
            closed: [false; 3],
            stdout,
        }
    }

    /// The streams of another call of the same instance, whose clocks go on.
    pub fn following(&self, request: Arc<CallRequest>) -> Self {
        Wasi {
            started: self.started,
            ..Wasi::new(request, self.is_command)
        }
    }

    fn args(&self) -> Vec<Vec<u8>> {
        let mut args = vec![self.request.function.as_bytes().to_vec()];
        if self.is_command {
            args.extend(
                self.request
                    .inputs
                    .iter()
                    .skip(1)
                    .map(|input| input.to_vec()),
            );
        } else if let Some(state) = self.request.state() {
            args.push(state.as_bytes().to_vec());
        }
        args
    }

    fn environ(&self) -> Vec<Vec<u8>> {
        let state = self.request.state();
        let state = state.map(|state| format!("wasm_state={state}"));
        let variables = self.request.profile.variables.iter();
        let webhook = self.request.webhook.as_deref();
        // Of two of one name a program finds the first.
        let webhook = webhook.map(|request| format!("webhook={request}"));
        let variables = variables.map(|(name, value)| format!("{name}={value}"));
        let all = state.into_iter().chain(webhook).chain(variables);
        all.map(String::into_bytes).collect()
    }

    fn read_stdin(&mut self, into: &mut [u8]) -> usize {
        let input = if self.is_command {
            self.request.inputs.first()
        } else {
            None
        };
        let rest = input.map_or(&[][..], |input| &input[self.stdin_at..]);
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.stdin_at += count;
        count
    }

    fn write(&mut self, fd: i32, piece: &[u8]) -> Result<(), Failure> {
        if fd == 1 {
            return self.stdout.write(&mut self.log, piece);
        }
        self.log.write(piece);
        Ok(())
    }

    /// What the call may do with its executable's store, where it has one.
    pub(super) fn store_access(&self) -> Option<StoreAccess> {
        self.request.store.clone()
    }

    pub(super) fn is_open(&self, fd: i32) -> bool {
        usize::try_from(fd).ok().and_then(|fd| self.closed.get(fd)) == Some(&false)
    }

    /// Nanoseconds of one of the WASI clocks: 0 is the wall clock, the others count from the
    /// start of the instance's first call.
    pub(super) fn clock(&self, id: i32) -> Option<u64> {
        let elapsed = match id {
            0 => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO),
            1..=3 => self.started.elapsed(),
            _ => return None,
        };
        u64::try_from(elapsed.as_nanos()).ok()
    }
}

/// Defines preview 1, and its older name `wasi_unstable` where the two are the same.
pub fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        add_strings(linker, module)?;
        add_streams(linker, module)?;
        add_system(linker, module)?;
        wasi_refused::add_to_linker(linker, module)?;
    }
    wasi_poll::add_to_linker(linker)
}

/// Runs `f` on the guest's memory; `None` means that a pointer lies outside it. Fails when the
/// call must end: a guest can spend its time in imports alone, where no epoch ends it.
pub(super) fn with_memory(
    caller: &mut Caller<'_, Host>,
    f: impl FnOnce(&mut [u8], &mut Host) -> Option<Result<i32, Failure>>,
) -> wasmtime::Result<i32> {
    caller.data().deadline.check()?;
    let Some(memory) = memory::of_caller(caller) else {
        return Ok(EFAULT);
    };
    let (bytes, host) = memory.data_and_store_mut(caller);
    Ok(f(bytes, host).unwrap_or(Ok(EFAULT))?)
}

fn add_strings(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    type List = fn(&Wasi) -> Vec<Vec<u8>>;
    let lists: [(&str, &str, List); 2] = [
        ("args_sizes_get", "args_get", Wasi::args),
        ("environ_sizes_get", "environ_get", Wasi::environ),
    ];
    for (sizes, get, list) in lists {
        linker.func_wrap(
            module,
            sizes,
            move |mut caller: Caller<'_, Host>, count: u32, bytes: u32| {
                with_memory(&mut caller, |memory, host| {
                    let items = list(&host.wasi);
                    let total: usize = items.iter().map(|item| item.len() + 1).sum();
                    memory::write(
                        memory,
                        count,
                        &u32::try_from(items.len()).ok()?.to_le_bytes(),
                    )?;
                    memory::write(memory, bytes, &u32::try_from(total).ok()?.to_le_bytes())?;
                    Some(Ok(SUCCESS))
                })
            },
        )?;
        linker.func_wrap(
            module,
            get,
            move |mut caller: Caller<'_, Host>, pointers: u32, bytes: u32| {
                with_memory(&mut caller, |memory, host| {
                    let (mut pointer, mut at) = (pointers, bytes);
                    for mut item in list(&host.wasi) {
                        item.push(0);
                        memory::write(memory, pointer, &at.to_le_bytes())?;
                        memory::write(memory, at, &item)?;
                        pointer = pointer.checked_add(4)?;
                        at = at.checked_add(u32::try_from(item.len()).ok()?)?;
                    }
                    Some(Ok(SUCCESS))
                })
            },
        )?;
    }
    Ok(())
}

fn add_streams(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |mut caller: Caller<'_, Host>, fd: i32, iovs: u32, count: u32, written: u32| {
            with_memory(&mut caller, |memory, host| {
                if fd == 0 || !host.wasi.is_open(fd) {
                    return Some(Ok(EBADF));
                }
                let mut total = 0u32;
                for (ptr, len) in io_vectors(memory, iovs, count)? {
                    let piece = memory::slice(memory, ptr, len)?;
                    if let Err(failure) = host.wasi.write(fd, piece) {
                        return Some(Err(failure));
                    }
                    total = total.checked_add(len)?;
                }
                memory::write(memory, written, &total.to_le_bytes())?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_read",
        |mut caller: Caller<'_, Host>, fd: i32, iovs: u32, count: u32, read: u32| {
            with_memory(&mut caller, |memory, host| {
                if fd != 0 || !host.wasi.is_open(fd) {
                    return Some(Ok(EBADF));
                }
                let mut total = 0u32;
                for (ptr, len) in io_vectors(memory, iovs, count)? {
                    let got = host.wasi.read_stdin(memory::slice_mut(memory, ptr, len)?);
                    total = total.checked_add(u32::try_from(got).ok()?)?;
                }
                memory::write(memory, read, &total.to_le_bytes())?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_close",
        |mut caller: Caller<'_, Host>, fd: i32| {
            let wasi = &mut caller.data_mut().wasi;
            if !wasi.is_open(fd) {
                return EBADF;
            }
            wasi.closed[fd as usize] = true;
            SUCCESS
        },
    )?;
    linker.func_wrap(
        module,
        "fd_fdstat_get",
        |mut caller: Caller<'_, Host>, fd: i32, out: u32| {
            with_memory(&mut caller, |memory, host| {
                if !host.wasi.is_open(fd) {
                    return Some(Ok(EBADF));
                }
                // File type "unknown" rather than a terminal: programs then buffer and use no colour.
                let rights: u64 = if fd == 0 { 1 << 1 } else { 1 << 6 };
                let mut stat = [0; 24];
                stat[8..16].copy_from_slice(&rights.to_le_bytes());
                memory::write(memory, out, &stat)?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    Ok(())
}

/// The pointers and lengths of a scattered read or write.
fn io_vectors(memory: &[u8], iovs: u32, count: u32) -> Option<Vec<(u32, u32)>> {
    if count > IOV_MAX {
        return None;
    }
    let table = memory::slice(memory, iovs, count * 8)?;
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    Some(
        table
            .chunks_exact(8)
            .map(|pair| (word(&pair[..4]), word(&pair[4..])))
            .collect(),
    )
}

fn add_system(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "clock_time_get",
        |mut caller: Caller<'_, Host>, id: i32, _precision: i64, out: u32| {
            with_memory(&mut caller, |memory, host| {
                let Some(now) = host.wasi.clock(id) else {
                    return Some(Ok(EINVAL));
                };
                memory::write(memory, out, &now.to_le_bytes())?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    linker.func_wrap(
        module,
        "clock_res_get",
        |mut caller: Caller<'_, Host>, id: i32, out: u32| {
            with_memory(&mut caller, |memory, host| {
                if host.wasi.clock(id).is_none() {
                    return Some(Ok(EINVAL));
                }
                memory::write(memory, out, &1u64.to_le_bytes())?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    linker.func_wrap(
        module,
        "random_get",
        |mut caller: Caller<'_, Host>, out: u32, len: u32| {
            with_memory(&mut caller, |memory, host| {
                for piece in memory::slice_mut(memory, out, len)?.chunks_mut(RANDOM_CHUNK as usize)
                {
                    if let Err(failure) = host.deadline.check() {
                        return Some(Err(failure));
                    }
                    if getrandom::fill(piece).is_err() {
                        return Some(Ok(EIO));
                    }
                }
                Some(Ok(SUCCESS))
            })
        },
    )?;
    linker.func_wrap(module, "sched_yield", || SUCCESS)?;
    linker.func_wrap(module, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exit(code)))
    })?;
    // A signal that nobody handles ends a process with 128 and its number.
    linker.func_wrap(
        module,
        "proc_raise",
        |signal: i32| -> wasmtime::Result<i32> {
            Err(wasmtime::Error::new(Exit(128i32.saturating_add(signal))))
        },
    )?;
    Ok(())
}
