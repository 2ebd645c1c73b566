//! Modules without any calling convention but WebAssembly's own: numbers in, numbers out. One
//! result is printed as it is, several as a JSON array, none as nothing.

use wasmtime::{Instance, Store, Val};

use super::value::{Arg, print};
use super::{Plan, failures, output, result, wasm_bindgen};
use crate::call::{CallRequest, Output};
use crate::error::Failure;
use crate::host::Host;

pub(super) fn call(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    request: &CallRequest,
) -> Result<Output, Failure> {
    let mut params = Vec::with_capacity(plan.args.len());
    for arg in &plan.args {
        match arg {
            Arg::Core(value) => params.push(*value),
            Arg::Block(_) => {
                let why = "the module has no allocator to take text or bytes with";
                return Err(failures::unsupported(plan.function(), why));
            }
        }
    }
    let results = wasm_bindgen::invoke(plan, store, instance, &params)?;
    let text = match &plan.result {
        Some(ty) => result::scalar(ty, &results)?,
        None => printed(&results),
    };
    output(text.into_bytes(), store, request)
}

fn printed(results: &[Val]) -> String {
    // JSON has no NaN and no infinities; they become strings.
    let json = |value: &Val| match print(value) {
        Some(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => text,
        Some(text) => format!("\"{text}\""),
        None => "null".to_owned(),
    };
    match results {
        [] => String::new(),
        [only] => print(only).unwrap_or_default(),
        several => {
            let items: Vec<String> = several.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
    }
}
