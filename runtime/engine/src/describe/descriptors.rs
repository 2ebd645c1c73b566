//! Exact types of cargo's output for wasm-bindgen: its describe exports are run and what they say
//! is decoded. A guest may say anything; what does not fit its own signatures is not believed.

use std::collections::HashMap;

use wasmtime::{InstancePre, Module, Store};

use super::tags::{Tag, Tags};
use super::{Abi, Function};
use crate::abi;
use crate::engine::Engine;
use crate::error::Failure;
use crate::host::Host;
use crate::trial;
use crate::types::{Signature, Type};

const PREFIX: &str = "__wbindgen_describe_";
/// Types nest in each other no deeper than this in any signature that can be called.
const DEPTH_MAX: u32 = 8;

/// The words that each described function said, by its name.
pub(super) type Described = HashMap<String, Vec<u32>>;

/// Runs the describe exports. The error says why it could not be done.
pub(super) fn run(module: &Module, engine: &Engine) -> Result<Described, String> {
    let (linked, _) = engine.link(module).map_err(|failure| failure.message)?;
    trial::run(engine, |store| run_each(module, &linked, store))
}

fn run_each(
    module: &Module,
    linked: &InstancePre<Host>,
    mut store: Store<Host>,
) -> Result<Described, String> {
    let instance = match linked.instantiate(&mut store) {
        Ok(instance) => instance,
        Err(error) => return Err(Failure::from_guest(error, store.data()).message),
    };
    let mut described = Described::new();
    let names = module
        .exports()
        .filter_map(|export| export.name().strip_prefix(PREFIX));
    for name in names {
        let export = format!("{PREFIX}{name}");
        let Ok(function) = instance.get_typed_func::<(), ()>(&mut store, &export) else {
            continue;
        };
        store.data_mut().bindgen.take_described();
        // Describe functions of imports, and broken ones, may fail: the others still count.
        if let Err(error) = function.call(&mut store, ()) {
            let failure = Failure::from_guest(error, store.data());
            if failure.code == crate::error::Code::RunTimeout {
                return Err("the describe functions did not end".to_owned());
            }
            continue;
        }
        described.insert(name.to_owned(), store.data_mut().bindgen.take_described());
    }
    Ok(described)
}

/// Gives each function the types that it described. The numbers' meaning is that under which
/// most functions' types fit their signatures, beginning with the release that the module names.
pub(super) fn apply(described: &Described, abi: &Abi, functions: &mut [Function]) {
    let decode = |tags: Tags, function: &Function| {
        let signature = decode(described.get(function.export())?, tags)?;
        Some(signature.and_then(|signature| {
            let result = signature.result.as_ref();
            match abi::fits(abi, function, &signature.params, result) {
                Some(_) => Ok(signature),
                None => Err("its types do not fit its signature".to_owned()),
            }
        }))
    };
    let score = |tags: &Tags| {
        functions
            .iter()
            .filter(|f| matches!(decode(*tags, f), Some(Ok(_))))
            .count()
    };
    let mut best: Option<(Tags, usize)> = None;
    for tags in Tags::candidates(abi.release) {
        let fitting = score(&tags);
        if best.is_none_or(|(_, most)| fitting > most) {
            best = Some((tags, fitting));
        }
    }
    let Some((tags, _)) = best else { return };
    for function in functions {
        match decode(tags, function) {
            Some(Ok(signature)) => {
                function.params = Some(signature.params);
                function.result = signature.result;
            }
            Some(Err(why)) => {
                function.unsupported.get_or_insert(why);
            }
            None => {}
        }
    }
}

/// Decodes a function's descriptor. `None` when it is none under these tags; an error when the
/// function takes or returns what no call can carry.
fn decode(words: &[u32], tags: Tags) -> Option<Result<Signature, String>> {
    // The tag, the function's index, the number of arguments, each argument, the result.
    let (&[function, _, count], mut rest) = words.split_first_chunk()?;
    if tags.tag(function)? != Tag::Function || count as usize > words.len() {
        return None;
    }
    let mut params = Vec::new();
    for at in 1..=count {
        match decode_type(&mut rest, tags, 0)? {
            Some(Type::None | Type::Result(_)) => return None,
            Some(param) => params.push(param),
            None => {
                return Some(Err(format!(
                    "argument {at} is a value that only JavaScript has"
                )));
            }
        }
    }
    Some(match decode_type(&mut rest, tags, 0)? {
        Some(result) => Ok(Signature {
            params,
            result: Some(result),
        }),
        None => Err("it returns a value that only JavaScript has".to_owned()),
    })
}

/// Decodes one type. The outer `None`: no type at all; the inner: one that cannot be carried.
fn decode_type(words: &mut &[u32], tags: Tags, depth: u32) -> Option<Option<Type>> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    if depth > DEPTH_MAX {
        return None;
    }
    let inner = |words: &mut &[u32]| decode_type(words, tags, depth + 1);
    Some(Some(match tags.tag(*first)? {
        Tag::I8 => Type::I8,
        Tag::U8 => Type::U8,
        Tag::I16 => Type::I16,
        Tag::U16 => Type::U16,
        Tag::I32 => Type::I32,
        Tag::U32 => Type::U32,
        Tag::I64 => Type::I64,
        Tag::U64 => Type::U64,
        Tag::F32 => Type::F32,
        Tag::F64 => Type::F64,
        Tag::Bool => Type::Bool,
        Tag::Char => Type::Char,
        Tag::Unit => Type::None,
        Tag::Text | Tag::CachedText => Type::Text,
        Tag::Ref | Tag::LongRef | Tag::Clamped => return inner(words),
        Tag::SeqMode => {
            *words = words.get(1..)?;
            return inner(words);
        }
        // Only bytes have a meaning as a body; longer elements would have a byte order.
        Tag::Slice | Tag::Vector => match inner(words)? {
            Some(Type::U8) => Type::Bytes,
            _ => return Some(None),
        },
        Tag::Option => match inner(words)? {
            Some(Type::Option(_) | Type::Result(_) | Type::None) | None => return Some(None),
            Some(some) => Type::Option(Box::new(some)),
        },
        Tag::Result => match inner(words)? {
            Some(Type::Result(_)) | None => return Some(None),
            Some(value) => Type::Result(Box::new(value)),
        },
        _ => return Some(None),
    }))
}
