//! The guest's table of references to values of the host, which the host sets up.

use wasmtime::{AsContextMut, Ref, Store, Table};

use super::values::{Value, reference};
use crate::error::{Code, Failure};
use crate::host::Host;

/// Sets up the table. One that cannot take what wasm-bindgen puts there is the guest's fault.
pub(super) fn init(
    mut store: impl AsContextMut<Data = Host>,
    table: Table,
) -> wasmtime::Result<()> {
    fill(&mut store, table).map_err(|error| {
        let refused = store.as_context().data().limits.refused();
        if error.is::<Failure>() || refused.is_some() {
            return error;
        }
        Failure::new(
            Code::GuestAbi,
            "The module's table of references cannot grow, or is not one of externref.",
        )
        .into()
    })
}

/// Grows the table by four and fills in the constants that the guest's code counts on: the first
/// place is undefined, the new ones are undefined, null, true, false.
fn fill(mut store: impl AsContextMut<Data = Host>, table: Table) -> wasmtime::Result<()> {
    let base = table.grow(&mut store, 4, Ref::Extern(None))?;
    let constants = [
        (0, Value::Undefined),
        (base, Value::Undefined),
        (base + 1, Value::Null),
        (base + 2, Value::Bool(true)),
        (base + 3, Value::Bool(false)),
    ];
    for (at, value) in constants {
        let index = store.as_context_mut().data_mut().bindgen.keep(value)?;
        let reference = reference(index, &mut store)?;
        table.set(&mut store, at, Ref::Extern(Some(reference)))?;
    }
    Ok(())
}

/// Sets up the table if the guest's start function asked for it but could not be seen.
pub fn init_if_due(store: &mut Store<Host>, table: Option<Table>) -> wasmtime::Result<()> {
    let due = std::mem::take(&mut store.data_mut().bindgen.table_is_due);
    match table {
        Some(table) if due => init(store, table),
        _ => Ok(()),
    }
}
