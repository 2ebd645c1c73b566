//! The original service's storage imports (module `ssvm_native`): a guest opens a transaction on a
//! key, stores or loads a sequence of numbers, and ends it. The crate
//! `rust_storage_interface_library` makes these calls; docs/function-storage.md says what they do.
//!
//! A key is the 32 bytes at a pointer, or those before the first NUL among them: the crate passes C
//! strings of 32 hex digits, and the original read 32 bytes whatever stood there.

use wasmtime::{Caller, Linker, Module, Trap};

use super::{Host, memory};
use crate::error::{Code, Failure};
use crate::store::Session;

const MODULE: &str = "ssvm_native";
/// The most bytes of a key, which is what the original read of one.
const KEY_BYTES_MAX: usize = 32;
/// Random bytes of a made key; written as two hex digits each.
const MADE_KEY_BYTES: usize = KEY_BYTES_MAX / 2;

/// Whether `module` imports any of this.
pub fn is_used_by(module: &Module) -> bool {
    module.imports().any(|import| import.module() == MODULE)
}

/// Defines the imports.
pub fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "ssvm_storage_createUUID",
        |mut caller: Caller<'_, Host>, out: u32| -> wasmtime::Result<()> {
            let key = make_key()?;
            let (memory, _) = guest(&mut caller)?;
            Ok(memory::write(memory, out, &key).ok_or(Trap::MemoryOutOfBounds)?)
        },
    )?;
    add_loads(linker)?;
    add_stores(linker)
}

fn add_loads(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "ssvm_storage_beginLoadTx",
        |mut caller: Caller<'_, Host>, key: u32| -> wasmtime::Result<()> {
            let (memory, host) = guest(&mut caller)?;
            session(host)?.begin_load(read_key(memory, key)?);
            Ok(())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_loadI32",
        |mut caller: Caller<'_, Host>| -> wasmtime::Result<i32> {
            Ok(i32::from_le_bytes(session(caller.data_mut())?.load()?))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_loadI64",
        |mut caller: Caller<'_, Host>| -> wasmtime::Result<i64> {
            Ok(i64::from_le_bytes(session(caller.data_mut())?.load()?))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_endLoadTx",
        |mut caller: Caller<'_, Host>| -> wasmtime::Result<()> {
            session(caller.data_mut())?.end_load();
            Ok(())
        },
    )?;
    Ok(())
}

fn add_stores(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "ssvm_storage_beginStoreTx",
        |mut caller: Caller<'_, Host>, key: u32| -> wasmtime::Result<()> {
            let (memory, host) = guest(&mut caller)?;
            Ok(session(host)?.begin_store(read_key(memory, key)?)?)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_storeI32",
        |mut caller: Caller<'_, Host>, value: i32| -> wasmtime::Result<()> {
            Ok(session(caller.data_mut())?.store(value.to_le_bytes())?)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_storeI64",
        |mut caller: Caller<'_, Host>, value: i64| -> wasmtime::Result<()> {
            Ok(session(caller.data_mut())?.store(value.to_le_bytes())?)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "ssvm_storage_endStoreTx",
        |mut caller: Caller<'_, Host>| -> wasmtime::Result<()> {
            Ok(session(caller.data_mut())?.end_store()?)
        },
    )?;
    Ok(())
}

/// The guest's memory and the call's data. Fails when the call must end: a guest can spend its
/// time in imports alone, where no epoch ends it. The imports for single numbers go without, as
/// each does less than the loop around it.
fn guest<'a>(caller: &'a mut Caller<'_, Host>) -> wasmtime::Result<(&'a mut [u8], &'a mut Host)> {
    caller.data().deadline.check()?;
    let memory = memory::of_caller(caller).ok_or(Trap::MemoryOutOfBounds)?;
    Ok(memory.data_and_store_mut(caller))
}

/// Made at the first use, so that a call that uses no storage has none of this.
fn session(host: &mut Host) -> Result<&mut Session, Failure> {
    match &mut host.storage {
        Some(session) => Ok(session),
        none => {
            let access = host.wasi.store_access().ok_or_else(unavailable)?;
            Ok(none.insert(Box::new(Session::new(access))))
        }
    }
}

fn read_key(memory: &[u8], ptr: u32) -> wasmtime::Result<&[u8]> {
    let from = memory.get(ptr as usize..).unwrap_or_default();
    let most = &from[..from.len().min(KEY_BYTES_MAX)];
    match most.iter().position(|byte| *byte == 0) {
        Some(0) => Err(Failure::new(
            Code::GuestAbi,
            "The function gave an empty storage key.",
        ))?,
        Some(end) => Ok(&most[..end]),
        None if most.len() < KEY_BYTES_MAX => Err(Trap::MemoryOutOfBounds)?,
        None => Ok(most),
    }
}

/// 32 random hex digits and a NUL.
fn make_key() -> Result<Vec<u8>, Failure> {
    let mut random = [0; MADE_KEY_BYTES];
    getrandom::fill(&mut random).map_err(|error| Failure::internal(&error))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([digits.as_bytes(), &[0]].concat())
}

fn unavailable() -> Failure {
    Failure::new(
        Code::MissingImport,
        "The function used its storage where there is none.",
    )
}
