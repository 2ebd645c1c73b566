//! The functions that wasm-bindgen guests import from their JavaScript, as far as plain functions
//! need them: errors, texts and numbers as values, the reference table, console, clock, random
//! numbers. They are matched by name whatever the module they are imported from, since each
//! version and target of wasm-bindgen names that differently.

mod call;
mod casts;
mod functions;
pub(crate) mod names;
mod random;
mod tables;
mod values;

use wasmtime::{Caller, Func, FuncType, Linker, Module};

use super::Host;
use crate::types::Core;
use call::Call;
use functions::Function;

pub use tables::init_if_due;
pub use values::{Bindgen, clipped, index_of};

/// Defines those imports of `module` that are provided here.
pub fn add_to_linker(linker: &mut Linker<Host>, module: &Module) -> wasmtime::Result<()> {
    let table = ref_table(module);
    for import in module.imports() {
        let ty = import.ty();
        let Some(ty) = ty.func() else { continue };
        let Some(function) = find(import.name(), ty) else {
            continue;
        };
        let table = table.clone();
        let gives_externref = ty
            .results()
            .any(|result| Core::from(result) == Core::Externref);
        linker.func_new(import.module(), import.name(), ty.clone(), {
            move |caller, params, results| {
                let table = table.as_deref();
                function.call(Call {
                    caller,
                    params,
                    results,
                    table,
                    gives_externref,
                })
            }
        })?;
    }
    Ok(())
}

fn find(name: &str, ty: &FuncType) -> Option<Function> {
    let params: Vec<Core> = ty.params().map(Core::from).collect();
    let results: Vec<Core> = ty.results().map(Core::from).collect();
    Function::find(names::plain(name)?, &params, &results)
}

/// The name of the table that holds the guest's references to values of the host.
fn ref_table(module: &Module) -> Option<String> {
    module
        .exports()
        .find(|export| {
            export
                .ty()
                .table()
                .is_some_and(|table| table.element().heap_type().is_extern())
        })
        .map(|export| export.name().to_owned())
}

/// The guest's allocator, by the name that modules give it if they were not stripped.
fn allocator(caller: &mut Caller<'_, Host>) -> Option<Func> {
    caller.get_export("__wbindgen_malloc")?.into_func()
}
