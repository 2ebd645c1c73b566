//! Random calls of a guest: one of its functions or none, inputs of any kind, types that its owner
//! may have declared, tight limits.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use wasmhook_engine::abi;
use wasmhook_engine::call::{CallRequest, Input, Profile};
use wasmhook_engine::describe::{Function, Interface};
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::Admission;
use wasmhook_engine::types::{Core, Signature, Type};

use crate::sandbox::{MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX};

/// One call.
pub fn request(bytes: &mut Unstructured<'_>, interface: &Interface) -> Result<CallRequest> {
    let function = match interface.functions.len() {
        0 => None,
        count => interface.functions.get(bytes.int_in_range(0..=count - 1)?),
    };
    let name = match function {
        Some(function) if bytes.ratio(31, 32)? => function.name.clone(),
        _ => bytes.arbitrary()?,
    };
    let types = match function {
        Some(function) if bytes.arbitrary()? => fitting_types(bytes, interface, function)?,
        _ => None,
    };
    let wanted = match (&types, function) {
        (Some(types), _) => types.params.len(),
        (None, Some(function)) if bytes.arbitrary()? => function.core_params.len() / 2,
        (None, Some(function)) => function.core_params.len(),
        (None, None) => 1,
    };
    let count = if bytes.ratio(7, 8)? {
        wanted
    } else {
        bytes.int_in_range(0..=5)?
    };
    let inputs: Result<Vec<Input>> = (0..count)
        .map(|at| match &types {
            Some(types) if bytes.ratio(15, 16)? => typed_input(bytes, types.params.get(at)),
            _ => input(bytes),
        })
        .collect();
    let inputs = inputs?;
    let text = bytes.arbitrary()?;
    let profile = Profile {
        types: types
            .into_iter()
            .map(|types| (name.clone(), types))
            .collect(),
        state: if bytes.ratio(1, 4)? {
            Some(bytes.arbitrary()?)
        } else {
            None
        },
        variables: if bytes.ratio(1, 4)? {
            bytes.arbitrary()?
        } else {
            Vec::new()
        },
        ..Profile::bare(Admission::ALONE, limits(bytes)?)
    };
    Ok(CallRequest {
        profile: Arc::new(profile),
        function: name,
        inputs,
        text,
        webhook: None,
        store: None,
    })
}

fn limits(bytes: &mut Unstructured<'_>) -> Result<CallLimits> {
    Ok(CallLimits {
        timeout_ms: *bytes.choose(&[20, 20, 20, 20, 20, 20, 5, 0])?,
        memory_bytes: match bytes.int_in_range(0..=15)? {
            0 => 1,
            1 => 65_536,
            2 => 1 << 20,
            _ => MEMORY_BYTES_MAX,
        },
        table_elements: match bytes.int_in_range(0..=15)? {
            0 => 0,
            1 => 128,
            _ => TABLE_ELEMENTS_MAX,
        },
        output_bytes: *bytes.choose(&[1 << 20, 1 << 20, 1_000, 7, 0])?,
        log_bytes: *bytes.choose(&[4_096, 10, 0])?,
        fuel: None,
    })
}

/// What people send: numbers of any size, words, JSON, nothing, any bytes, much.
fn input(bytes: &mut Unstructured<'_>) -> Result<Input> {
    const TEXTS: [&str; 24] = [
        "",
        "0",
        "1",
        "-1",
        "255",
        "256",
        "65536",
        "2147483648",
        "4294967295",
        "-9223372036854775808",
        "18446744073709551615",
        "1e400",
        "NaN",
        "-inf",
        "0.1",
        " 7 ",
        "+7",
        "true",
        "false",
        "é",
        "\u{10ffff}",
        "{\"a\":[1]}",
        "[[[[",
        "\0",
    ];
    match bytes.int_in_range(0..=11)? {
        0..=3 => Ok(Input::from("1")),
        4..=8 => Ok(Input::from(*bytes.choose(&TEXTS)?)),
        9 => Ok(Input::from(bytes.arbitrary::<&str>()?)),
        10 => Ok(Input::new(bytes.arbitrary::<Vec<u8>>()?)),
        _ => Ok(Input::new(vec![
            bytes.arbitrary()?;
            bytes.int_in_range(0..=200_000)?
        ])),
    }
}

/// An input that its type takes.
fn typed_input(bytes: &mut Unstructured<'_>, ty: Option<&Type>) -> Result<Input> {
    let text = match ty {
        Some(Type::Bool) => "true",
        Some(Type::Char) => "é",
        Some(Type::Option(inner)) => match bytes.ratio(1, 4)? {
            true => "",
            false => return typed_input(bytes, Some(inner)),
        },
        Some(Type::Text | Type::Bytes) | None => return input(bytes),
        Some(Type::I8 | Type::U8) => bytes.choose(&["0", "127", " 1 "])?,
        Some(_) => bytes.choose(&["0", "1", "32767", "+5"])?,
    };
    Ok(Input::from(text))
}

/// Types that the server would call the function with; after some tries any, which it refuses.
fn fitting_types(
    bytes: &mut Unstructured<'_>,
    interface: &Interface,
    function: &Function,
) -> Result<Option<Signature>> {
    for _ in 0..8 {
        let types = types(bytes, function)?;
        if let Some(types) = types
            && abi::fits(
                &interface.abi,
                function,
                &types.params,
                types.result.as_ref(),
            )
            .is_some()
        {
            return Ok(Some(types));
        }
    }
    types(bytes, function)
}

/// Types as an owner writes them: most that fit the function's own parameters and results.
fn types(bytes: &mut Unstructured<'_>, function: &Function) -> Result<Option<Signature>> {
    let mut rest = &function.core_params[..];
    // Where nothing is returned the first may be the address of the return area.
    let has_area = function.core_results.is_empty()
        && rest.first() == Some(&Core::I32)
        && bytes.arbitrary()?;
    if has_area {
        rest = &rest[1..];
    }
    let mut params = Vec::new();
    while !rest.is_empty() {
        let (name, taken) = one_type(bytes, rest)?;
        params.push(name);
        rest = &rest[taken..];
    }
    let area = [Core::I32; 4];
    let returned = if has_area {
        &area[..]
    } else {
        &function.core_results
    };
    let result = match bytes.int_in_range(0..=15)? {
        0 => None,
        1 => Some("none".to_owned()),
        2 => Some("result<none>".to_owned()),
        3 => Some("result<option<u64>>".to_owned()),
        _ if returned.is_empty() => Some("none".to_owned()),
        _ if returned.len() > 2 && bytes.arbitrary()? => {
            Some(format!("result<{}>", one_type(bytes, returned)?.0))
        }
        _ => Some(one_type(bytes, returned)?.0),
    };
    let json = serde_json::json!({ "params": params, "result": result });
    // What the server refuses to store is never called with.
    Ok(Signature::parse(&json.to_string()).ok())
}

/// A type that the first of these may be, and how many of them it is.
fn one_type(bytes: &mut Unstructured<'_>, cores: &[Core]) -> Result<(String, usize)> {
    const PAIRS: [&str; 8] = [
        "text",
        "text",
        "bytes",
        "bytes",
        "option<text>",
        "option<bytes>",
        "option<u32>",
        "u64",
    ];
    const SINGLE: [&str; 9] = [
        "i32",
        "u32",
        "bool",
        "char",
        "i8",
        "u16",
        "option<bool>",
        "option<char>",
        "option<u8>",
    ];
    const FLOATS: [&str; 4] = ["f64", "option<i32>", "option<u32>", "option<f32>"];
    let (name, taken) = match cores {
        [Core::I32, Core::I32, ..] if bytes.ratio(3, 4)? => (*bytes.choose(&PAIRS)?, 2),
        [Core::I32, Core::I64, ..] if bytes.arbitrary()? => ("option<i64>", 2),
        [Core::I32, Core::F64, ..] if bytes.arbitrary()? => ("option<f64>", 2),
        [Core::I32, Core::F32, ..] if bytes.arbitrary()? => ("option<f32>", 2),
        [Core::I32, ..] => (*bytes.choose(&SINGLE)?, 1),
        [Core::I64, ..] => (*bytes.choose(&["i64", "u64"])?, 1),
        [Core::F32, ..] => ("f32", 1),
        [Core::F64, ..] => (*bytes.choose(&FLOATS)?, 1),
        _ => (*bytes.choose(&["text", "i32"])?, 1),
    };
    Ok((name.to_owned(), taken))
}
