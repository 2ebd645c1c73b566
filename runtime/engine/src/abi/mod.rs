//! How each kind of guest takes arguments and gives results. A call is planned first, from the
//! interface and the request alone, so that a wrong request costs no instance; then carried out.
//!
//! [`plan`](mod@plan) decides types and arguments, [`value`] converts, [`wasm_bindgen`], [`raw`]
//! and [`wasi_command`] carry out.

mod failures;
mod plan;
mod raw;
mod result;
mod value;
mod wasi_command;
mod wasm_bindgen;

use std::collections::HashMap;

use wasmtime::{Instance, Module, ModuleExport, Store};

use crate::call::{CallRequest, Output};
use crate::describe::{Interface, Kind};
use crate::error::Failure;
use crate::host::Host;

pub use plan::{Plan, fits, plan};
pub use value::{NONE_F64, NONE_F64_OLD};

/// A module's interface with all that calls look up: made once, when the module is loaded.
pub struct Prepared {
    interface: Interface,
    /// The place of each function in the interface, by name.
    by_name: HashMap<String, usize>,
    /// The export of each function, in the interface's order.
    exports: Vec<ModuleExport>,
    guest: wasm_bindgen::GuestExports,
}

impl Prepared {
    /// Resolves the exports of `module`, which `interface` describes.
    pub fn new(interface: Interface, module: &Module) -> Result<Self, Failure> {
        let mut by_name = HashMap::new();
        let mut exports = Vec::new();
        for (index, function) in interface.functions.iter().enumerate() {
            let export = module.get_export_index(function.export()).ok_or_else(|| {
                Failure::internal(&format!("the interface names {}, no export", function.name))
            })?;
            by_name.insert(function.name.clone(), index);
            exports.push(export);
        }
        let guest = wasm_bindgen::GuestExports::find(&interface.abi, module);
        Ok(Prepared {
            interface,
            by_name,
            exports,
            guest,
        })
    }
}

/// Carries out a plan in a fresh instance whose start functions have run.
pub fn call(
    plan: Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    request: &CallRequest,
) -> Result<Output, Failure> {
    match plan.prepared.interface.kind {
        Kind::WasiCommand => wasi_command::call(&plan, store, instance, request),
        Kind::WasmBindgen => wasm_bindgen::call(&plan, store, instance, request),
        Kind::Raw => raw::call(&plan, store, instance, request),
    }
}

/// The bytes of a result, checked against what the caller asked for, where they come in time.
fn output(bytes: Vec<u8>, store: &Store<Host>, request: &CallRequest) -> Result<Output, Failure> {
    if bytes.len() > request.limits().output_bytes {
        return Err(crate::host::stdio::too_large(request.limits().output_bytes));
    }
    if request.text && std::str::from_utf8(&bytes).is_err() {
        return Err(failures::invalid_utf8());
    }
    let is_json = request.text && is_json(&bytes);
    // Host functions are left late, and a call that ends late has not kept its limit.
    store.data().deadline.check()?;
    Ok(Output {
        is_text: request.text,
        is_json,
        bytes,
    })
}

/// Whether `text` is a JSON object or array. Nothing is kept of it, however deep it nests.
fn is_json(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}
