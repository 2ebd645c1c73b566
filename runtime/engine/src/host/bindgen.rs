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

use std::sync::Arc;

use wasmtime::{Caller, FuncType, Linker, Module};

use super::Host;
use crate::describe::{self, Malloc};
use crate::types::Core;
use call::Call;
use functions::Function;

pub use tables::init_if_due;
pub use values::{Bindgen, clipped, clipped_to, index_of};

/// What a guest exports for its imports to use.
struct Exports {
    /// The name of the table that holds the guest's references to values of the host.
    ref_table: Option<String>,
    malloc: Option<Malloc>,
}

/// Defines those imports of `module` that are provided here.
pub fn add_to_linker(linker: &mut Linker<Host>, module: &Module) -> wasmtime::Result<()> {
    let exports = Arc::new(Exports {
        ref_table: describe::ref_table(module),
        malloc: describe::malloc(module),
    });
    for import in module.imports() {
        let ty = import.ty();
        let Some(ty) = ty.func() else { continue };
        let Some(function) = find(import.name(), ty) else {
            continue;
        };
        let exports = exports.clone();
        let gives_externref = ty
            .results()
            .any(|result| Core::from(result) == Core::Externref);
        linker.func_new(import.module(), import.name(), ty.clone(), {
            move |caller: Caller<'_, Host>, params, results| {
                // A guest can spend its time in imports alone, where no epoch ends it.
                caller.data().deadline.check()?;
                function.call(Call {
                    caller,
                    params,
                    results,
                    exports: &exports,
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
