//! Casts in cargo's output: where the wasm-bindgen program has not put an import in its place, a
//! guest that makes a JavaScript value describes the types at run time, then asks for the cast.

use wasmtime::Val;

use super::call::{Call, outside};
use super::values::{Bindgen, Value};
use crate::describe::tags::{Tag, Tags};
use crate::error::{Code, Failure};
use crate::host::memory;

/// Words that one description may have. The longest names of types stay far below it.
const WORDS_MAX: usize = 4096;

/// Takes one word of a description.
pub(super) fn describe(bindgen: &mut Bindgen, word: u32) -> wasmtime::Result<()> {
    if bindgen.described.len() >= WORDS_MAX {
        let message = format!("The function describes a type of more than {WORDS_MAX} words.");
        return Err(Failure::new(Code::GuestAbi, message).into());
    }
    bindgen.described.push(word);
    Ok(())
}

/// Makes the value that the words before described of the primitives at an address: (function,
/// address) to the address of the result. The result, a reference, takes the primitives' place.
pub(super) fn cast(mut call: Call<'_, '_>) -> wasmtime::Result<()> {
    let words = call.caller.data_mut().bindgen.take_described();
    let at = call.number(1);
    let value = make(&mut call, source(&words), at)?;
    let index = call.caller.data_mut().bindgen.keep(value)?;
    let memory = call.memory()?;
    memory::write(memory.data_mut(&mut call.caller), at, &index.to_le_bytes())
        .ok_or_else(outside)?;
    call.results[0] = Val::I32(at as i32);
    Ok(())
}

/// The type that is cast from: behind an empty key (in newer releases), the tag of functions, a
/// function index and the number of arguments, which is one.
fn source(words: &[u32]) -> Option<Tag> {
    let words = words.strip_prefix(&[0]).unwrap_or(words);
    let tags = Tags::of_cast(*words.first()?)?;
    let mut rest = words.get(3..)?.iter().map(|word| tags.tag(*word));
    match rest.next()?? {
        Tag::Ref | Tag::LongRef => rest.next()?,
        tag => Some(tag),
    }
}

fn make(call: &mut Call<'_, '_>, source: Option<Tag>, at: u32) -> Result<Value, Failure> {
    let memory = call.memory()?;
    let data = memory.data(&call.caller);
    let word = |at: u32| memory::read_u32(data, at).ok_or_else(outside);
    let double = |at: u32| memory::read_u64(data, at).ok_or_else(outside);
    Ok(match source {
        Some(Tag::Text | Tag::CachedText) => {
            let bytes = memory::slice(data, word(at)?, word(at.wrapping_add(4))?);
            let bytes = bytes.ok_or_else(outside)?;
            super::values::check_size(bytes.len())?;
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        }
        Some(Tag::F64) => Value::Number(f64::from_bits(double(at)?)),
        Some(Tag::F32) => Value::Number(f64::from(f32::from_bits(word(at)?))),
        Some(Tag::I64) => Value::BigInt((double(at)? as i64).into()),
        Some(Tag::U64) => Value::BigInt(double(at)?.into()),
        Some(Tag::I8 | Tag::I16 | Tag::I32) => Value::Number(f64::from(word(at)? as i32)),
        Some(Tag::U8 | Tag::U16 | Tag::U32) => Value::Number(f64::from(word(at)?)),
        _ => Value::Object,
    })
}
