//! From what a function returned to the bytes of its result: by its type where somebody told it,
//! else by the shape of what it returned.

use wasmtime::{Memory, Ref, Store, Table, Val};

use super::value::{print, print_as, unwrap_option};
use super::wasm_bindgen::UNWRITTEN;
use super::{Plan, failures};
use crate::error::Failure;
use crate::host::{Host, memory, stdio};
use crate::types::{Core, Type};

/// An unwritten word of the return area.
const UNWRITTEN_WORD: u32 = u32::from_le_bytes([UNWRITTEN; 4]);

/// What a guest's result may point into.
pub(super) struct Guest<'s> {
    pub(super) memory: Option<Memory>,
    pub(super) refs: Option<Table>,
    pub(super) store: &'s mut Store<Host>,
    pub(super) output_bytes: usize,
    /// Pointer and length of what was read and is the caller's to free.
    pub(super) blocks: Vec<(u32, u32)>,
}

/// The result that came as values.
pub(super) fn from_values(
    plan: &Plan<'_>,
    guest: &mut Guest<'_>,
    values: &[Val],
) -> Result<Vec<u8>, Failure> {
    if let Some(ty) = &plan.result {
        return typed(ty, values, guest);
    }
    match values {
        [] => Ok(Vec::new()),
        [Val::ExternRef(_)] => Ok(guest.reference(&values[0]).unwrap_or_default().into_bytes()),
        [only] => Ok(print(only).unwrap_or_default().into_bytes()),
        // Either a block, or a result without a value: an error's place, and 1 for an error.
        [Val::I32(error), Val::I32(1)] if guest.error_text(*error).is_some() => {
            Err(function_error(guest, *error))
        }
        [Val::I32(ptr), Val::I32(len)] => guest.block(*ptr, *len),
        [value @ .., Val::I32(error), Val::I32(is_error @ (0 | 1))] => {
            if *is_error == 1 {
                return Err(function_error(guest, *error));
            }
            untyped_value(value, guest)
        }
        several => untyped_value(several, guest),
    }
}

fn untyped_value(values: &[Val], guest: &mut Guest<'_>) -> Result<Vec<u8>, Failure> {
    match values {
        [only] => Ok(print(only).unwrap_or_default().into_bytes()),
        [Val::I32(ptr), Val::I32(len)] => guest.block(*ptr, *len),
        [Val::I32(0), Val::I64(_) | Val::F64(_) | Val::F32(_)] => Ok(Vec::new()),
        [Val::I32(1), value] => Ok(print(value).unwrap_or_default().into_bytes()),
        _ => Err(failures::guest_abi(
            "it returned values that make no known result",
        )),
    }
}

/// The result that came through the return area.
pub(super) fn from_area(
    plan: &Plan<'_>,
    guest: &mut Guest<'_>,
    area: u32,
) -> Result<Vec<u8>, Failure> {
    let Some(ty) = &plan.result else {
        return from_untyped_area(guest, area);
    };
    let mut values = Vec::new();
    let mut at = area;
    for core in plan.layout.flatten(ty) {
        let size: u32 = if matches!(core, Core::I64 | Core::F64) {
            8
        } else {
            4
        };
        at = at.next_multiple_of(size);
        let word = |guest: &Guest<'_>| guest.word(at);
        values.push(match core {
            Core::I64 => Val::I64(guest.double_word(at)? as i64),
            Core::F64 => Val::F64(guest.double_word(at)?),
            Core::F32 => Val::F32(word(guest)?),
            _ => Val::I32(word(guest)? as i32),
        });
        at += size;
    }
    // Before wasm-bindgen 0.2.79 an error left by an exception, and nothing was written for it.
    if let (Type::Result(inner), [value @ .., _, Val::I32(is_error)]) = (ty, &values[..])
        && *is_error as u32 == UNWRITTEN_WORD
    {
        return typed(inner, value, guest);
    }
    typed(ty, &values, guest)
}

/// Tells by what was written, for a function whose result nobody declared. The words are: a
/// block (pointer, length); or it with error and flag behind it; or a number with these.
fn from_untyped_area(guest: &mut Guest<'_>, area: u32) -> Result<Vec<u8>, Failure> {
    let words = [
        guest.word(area)?,
        guest.word(area + 4)?,
        guest.word(area + 8)?,
        guest.word(area + 12)?,
    ];
    match words {
        // An optional 64-bit number: the flag, four bytes of padding, the number.
        [0 | 1, UNWRITTEN_WORD, ..] if words[3] != UNWRITTEN_WORD => Err(failures::guest_abi(
            "it returned an optional 64-bit number, whose kind only its type tells",
        )),
        [_, _, error, 1] => Err(function_error(guest, error as i32)),
        [ptr, len, _, 0] => guest.block(ptr as i32, len as i32),
        [_, error, 1, UNWRITTEN_WORD] => Err(function_error(guest, error as i32)),
        [value, _, 0, UNWRITTEN_WORD] => Ok((value as i32).to_string().into_bytes()),
        [UNWRITTEN_WORD, UNWRITTEN_WORD, ..] => Err(failures::guest_abi(
            "it wrote no result into its return area",
        )),
        [error, 1, ..] if guest.error_text(error as i32).is_some() => {
            Err(function_error(guest, error as i32))
        }
        [ptr, len, ..] => guest.block(ptr as i32, len as i32),
    }
}

/// Values of a known type.
fn typed(ty: &Type, values: &[Val], guest: &mut Guest<'_>) -> Result<Vec<u8>, Failure> {
    match (ty, values) {
        (Type::None, []) => Ok(Vec::new()),
        (Type::Text | Type::Bytes, [Val::I32(ptr), Val::I32(len)]) => guest.block(*ptr, *len),
        (Type::Option(inner), values) => match unwrap_option(inner, values) {
            Some(values) => typed(inner, values, guest),
            None => Ok(Vec::new()),
        },
        (Type::Result(inner), [value @ .., Val::I32(error), Val::I32(is_error)]) => {
            match is_error {
                0 => typed(inner, value, guest),
                _ => Err(function_error(guest, *error)),
            }
        }
        (scalar_type, values) => Ok(scalar(scalar_type, values)?.into_bytes()),
    }
}

/// A number, bool or character as text.
pub(super) fn scalar(ty: &Type, values: &[Val]) -> Result<String, Failure> {
    print_as(ty, values).ok_or_else(|| failures::guest_abi(&format!("what it returned is no {ty}")))
}

/// The error that the guest holds at this place.
fn function_error(guest: &mut Guest<'_>, place: i32) -> Failure {
    Failure::function_error(guest.error_text(place).as_deref())
}

impl Guest<'_> {
    fn bytes(&self) -> Result<&[u8], Failure> {
        let memory = self.memory.as_ref();
        let memory = memory.ok_or_else(|| failures::guest_abi("the module exports no memory"))?;
        Ok(memory.data(&*self.store))
    }

    fn block(&mut self, ptr: i32, len: i32) -> Result<Vec<u8>, Failure> {
        let (ptr, len) = (ptr as u32, len as u32);
        // An empty block's pointer may dangle; so may that of an optional one that is nothing.
        if len == 0 {
            return Ok(Vec::new());
        }
        let block = memory::slice(self.bytes()?, ptr, len).ok_or_else(|| {
            failures::guest_abi(&format!(
                "its result of {len} bytes at {ptr} is outside its memory"
            ))
        })?;
        if block.len() > self.output_bytes {
            return Err(stdio::too_large(self.output_bytes));
        }
        let bytes = block.to_vec();
        self.blocks.push((ptr, len));
        Ok(bytes)
    }

    fn word(&self, at: u32) -> Result<u32, Failure> {
        memory::read_u32(self.bytes()?, at).ok_or_else(outside)
    }

    fn double_word(&self, at: u32) -> Result<u64, Failure> {
        memory::read_u64(self.bytes()?, at).ok_or_else(outside)
    }

    /// The text of the error that the guest holds at this place of its table or heap.
    fn error_text(&mut self, place: i32) -> Option<String> {
        let place = place as u32;
        let Some(table) = self.refs else {
            return self.store.data().bindgen.text(place);
        };
        match table.get(&mut *self.store, u64::from(place))? {
            Ref::Extern(Some(reference)) => {
                let value = Val::ExternRef(Some(reference));
                self.reference(&value)
            }
            _ => None,
        }
    }

    /// The text of the host's value that a reference stands for.
    fn reference(&mut self, value: &Val) -> Option<String> {
        let index = crate::host::bindgen::index_of(value, &mut *self.store)?;
        self.store.data().bindgen.text(index)
    }
}

fn outside() -> Failure {
    failures::guest_abi("its return area is outside its memory")
}
