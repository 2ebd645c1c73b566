//! WASI preview 1 programs: the first input is standard input, the others are arguments, standard
//! output is the result. An exit code other than zero is a failure.

use wasmtime::{Instance, Store};

use super::{Plan, output, wasm_bindgen};
use crate::call::{CallRequest, Output};
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::host::stdio::Stdout;

pub(super) fn call(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    request: &CallRequest,
) -> Result<Output, Failure> {
    match wasm_bindgen::invoke(plan, store, instance, &[]) {
        Err(failure) if failure.code == Code::ExitCode && failure.detail["exit_code"] == 0 => {}
        Err(failure) => return Err(failure),
        Ok(_) => {}
    }
    let bytes = match &mut store.data_mut().wasi.stdout {
        Stdout::Result { bytes, .. } => std::mem::take(bytes),
        Stdout::Log => Vec::new(),
    };
    output(bytes, store, request)
}
