//! Random numbers as guests get them through JavaScript: `crypto.getRandomValues` on a byte array
//! of the host's or on a piece of the guest's own memory. These are what the random-number crates
//! of Rust import.

use super::call::{Call, outside};
use super::values::{Value, check_size};
use crate::error::Failure;
use crate::host::memory;
use crate::types::Core;

/// An import that has to do with random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Random {
    /// Fills the guest's memory at (pointer, length).
    FillMemory,
    /// Fills a byte array: the last parameter.
    FillValue,
    /// A part of a byte array.
    Subarray,
    /// Copies a byte array into the guest's memory: (array, pointer, length).
    CopyOut,
    /// Copies a byte array into another one, which views the guest's memory.
    Set,
}

impl Random {
    pub(super) fn find(name: &str, params: &[Core], results: &[Core]) -> Option<Random> {
        let is_ref = |core: &Core| matches!(core, Core::I32 | Core::Externref);
        let nothing = results.is_empty();
        let gives_ref = matches!(results, [only] if is_ref(only));
        Some(match (name, params) {
            ("getRandomValues", [Core::I32, Core::I32]) if nothing => Random::FillMemory,
            ("getRandomValues", [.., last]) if nothing && is_ref(last) => Random::FillValue,
            ("randomFillSync", [_, last]) if nothing && is_ref(last) => Random::FillValue,
            ("subarray", [_, Core::I32, Core::I32]) if gives_ref => Random::Subarray,
            ("prototypesetcall", [Core::I32, Core::I32, _]) if nothing => Random::CopyOut,
            ("set", [_, _, Core::I32]) if nothing => Random::Set,
            _ => return None,
        })
    }

    pub(super) fn call(self, mut call: Call<'_, '_>) -> wasmtime::Result<()> {
        match self {
            Random::FillMemory => {
                let (ptr, len) = (call.number(0), call.number(1));
                fill_memory(&mut call, ptr, len)?;
            }
            Random::FillValue => {
                let last = call.params.len() - 1;
                match call.value(last) {
                    Value::View { ptr, len } => fill_memory(&mut call, ptr, len)?,
                    Value::Bytes(mut bytes) => {
                        fill(&mut bytes)?;
                        call.replace(last, Value::Bytes(bytes));
                    }
                    _ => {}
                }
            }
            Random::Subarray => {
                let (from, to) = (call.number(1), call.number(2));
                let part = match call.value(0) {
                    Value::View { ptr, len } => {
                        let to = to.min(len);
                        let from = from.min(to);
                        Value::View {
                            ptr: ptr.saturating_add(from),
                            len: to - from,
                        }
                    }
                    Value::Bytes(mut bytes) => {
                        let to = (to as usize).min(bytes.len());
                        bytes.truncate(to);
                        bytes.drain(..(from as usize).min(to));
                        Value::Bytes(bytes)
                    }
                    other => other,
                };
                call.give(part)?;
            }
            Random::CopyOut => {
                let (ptr, len) = (call.number(0), call.number(1));
                let Value::Bytes(mut bytes) = call.value(2) else {
                    return Ok(());
                };
                bytes.truncate(len as usize);
                write(&mut call, ptr, &bytes)?;
            }
            Random::Set => {
                let at = call.number(2);
                if let (Value::View { ptr, len }, Value::Bytes(mut bytes)) =
                    (call.value(0), call.value(1))
                {
                    bytes.truncate(len.saturating_sub(at) as usize);
                    write(&mut call, ptr.saturating_add(at), &bytes)?;
                }
            }
        }
        Ok(())
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|error| Failure::internal(&error))
}

fn fill_memory(call: &mut Call<'_, '_>, ptr: u32, len: u32) -> Result<(), Failure> {
    check_size(len as usize)?;
    let memory = call.memory()?;
    let data = memory.data_mut(&mut call.caller);
    fill(memory::slice_mut(data, ptr, len).ok_or_else(outside)?)
}

fn write(call: &mut Call<'_, '_>, ptr: u32, bytes: &[u8]) -> Result<(), Failure> {
    let memory = call.memory()?;
    memory::write(memory.data_mut(&mut call.caller), ptr, bytes).ok_or_else(outside)
}
