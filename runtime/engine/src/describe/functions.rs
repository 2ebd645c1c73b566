//! What a module's imports and exports tell: its kind, its callable functions, its convention.

use std::collections::HashMap;

use wasmtime::{ExternType, FuncType, Module, Mutability};

use super::sections::Sections;
use super::{Abi, Function, Kind, Malloc, ReturnArea};
use crate::host::bindgen::names;
use crate::types::Core;

/// The export that a WASI program starts at.
const START: &str = "_start";

/// Tells how the module's functions are called.
pub fn kind(module: &Module, sections: &Sections) -> Kind {
    let bindgen = sections.processed
        || sections.unprocessed
        || module
            .imports()
            .any(|import| is_bindgen_name(import.name()))
        || module
            .exports()
            .any(|export| is_bindgen_name(export.name()));
    let starts = module
        .get_export(START)
        .is_some_and(|export| export.func().is_some_and(|ty| ty.params().len() == 0));
    // A program built with wasm-bindgen keeps its `_start` beside the functions that are meant.
    if bindgen && !(starts && callable(module, Kind::WasmBindgen).is_empty()) {
        return Kind::WasmBindgen;
    }
    if starts { Kind::WasiCommand } else { Kind::Raw }
}

fn is_bindgen_name(name: &str) -> bool {
    name.starts_with("__wbindgen_") || name.starts_with("__wbg_")
}

/// The exports that people mean to call, in the module's order.
pub fn callable(module: &Module, kind: Kind) -> Vec<Function> {
    module
        .exports()
        .filter_map(|export| Some((export.name().to_owned(), export.ty().func()?.clone())))
        .filter(|(name, _)| match kind {
            Kind::WasiCommand => name == START,
            Kind::WasmBindgen | Kind::Raw => !is_machinery(name),
        })
        .map(|(name, ty)| function(name, &ty))
        .collect()
}

/// Exports that toolchains add for hosts and for each other.
fn is_machinery(name: &str) -> bool {
    const EXACT: [&str; 8] = [
        START,
        "_initialize",
        "malloc",
        "free",
        "calloc",
        "realloc",
        "aligned_alloc",
        "posix_memalign",
    ];
    // Closures of old output are exported under mangled or counted names.
    name.starts_with("__")
        || name.starts_with("wasm_bindgen__")
        || name.starts_with("asyncify_")
        || EXACT.contains(&name)
}

fn function(name: String, ty: &FuncType) -> Function {
    let core_params: Vec<Core> = ty.params().map(Core::from).collect();
    let core_results: Vec<Core> = ty.results().map(Core::from).collect();
    let result = |core: &Core| core.is_number() || *core == Core::Externref;
    let unsupported = if !core_params.iter().all(|core| core.is_number()) {
        Some("it takes a JavaScript value or a vector".to_owned())
    } else if !core_results.iter().all(result) {
        Some("it returns a vector or a reference".to_owned())
    } else {
        None
    };
    Function {
        name,
        export: None,
        params: None,
        result: None,
        core_params,
        core_results,
        unsupported,
    }
}

/// Gives the functions of cargo's output their names in the source: newer releases of wasm-bindgen
/// end the exports' names with a hash, which only their program takes off.
pub fn name_by_source(functions: &mut [Function]) {
    let plain = |function: &Function| names::without_hash(&function.name).to_owned();
    let mut uses: HashMap<String, usize> = HashMap::new();
    for function in functions.iter() {
        *uses.entry(plain(function)).or_default() += 1;
    }
    for function in functions {
        let name = plain(function);
        if uses[&name] == 1 && name != function.name {
            function.export = Some(std::mem::replace(&mut function.name, name));
        }
    }
}

/// Tells the generation's calling convention by its exports' shapes.
pub fn abi(module: &Module, sections: &Sections, kind: Kind) -> Abi {
    if kind != Kind::WasmBindgen {
        return Abi {
            return_area: ReturnArea::Values,
            ..Abi::default()
        };
    }
    let unprocessed = is_unprocessed(module, sections);
    let ref_table = ref_table(module);
    Abi {
        release: sections.release,
        unprocessed,
        malloc: malloc(module),
        return_area: if unprocessed {
            ReturnArea::Allocated
        } else {
            return_area(module, sections, ref_table.is_some())
        },
        ref_table,
    }
}

/// Whether this is what cargo makes, before the wasm-bindgen program has seen it: only there do
/// describe functions import what they call.
fn is_unprocessed(module: &Module, sections: &Sections) -> bool {
    sections.unprocessed
        || module
            .imports()
            .any(|import| import.name() == "__wbindgen_describe")
}

/// The name of the table that holds the guest's references to values of the host.
pub fn ref_table(module: &Module) -> Option<String> {
    let holds_externrefs = |ty: ExternType| {
        ty.table()
            .is_some_and(|table| table.element().heap_type().is_extern())
    };
    module
        .exports()
        .find(|export| holds_externrefs(export.ty()))
        .map(|export| export.name().to_owned())
}

const MALLOC: &str = "__wbindgen_malloc";
const MALLOC_RENAMED: &str = "__wbindgen_export";

/// False for an export that [`malloc`] will never find.
pub fn may_be_malloc(name: &str) -> bool {
    name == MALLOC || name.starts_with(MALLOC_RENAMED)
}

/// The allocator. Newer programs may rename it to `__wbindgen_export`, `__wbindgen_export2`, …
/// (or `__wbindgen_export_0`, …): the first such export of its signature is it.
pub fn malloc(module: &Module) -> Option<Malloc> {
    let found = |name: &str, ty: &FuncType| {
        let params: Vec<Core> = ty.params().map(Core::from).collect();
        let results: Vec<Core> = ty.results().map(Core::from).collect();
        let fits =
            matches!(params[..], [Core::I32] | [Core::I32, Core::I32]) && results == [Core::I32];
        fits.then(|| Malloc {
            name: name.to_owned(),
            takes_align: params.len() == 2,
        })
    };
    if let Some(ExternType::Func(ty)) = module.get_export(MALLOC) {
        return found(MALLOC, &ty);
    }
    module
        .exports()
        .filter(|export| export.name().starts_with(MALLOC_RENAMED))
        .find_map(|export| found(export.name(), export.ty().func()?))
}

fn return_area(module: &Module, sections: &Sections, has_ref_table: bool) -> ReturnArea {
    let mover = "__wbindgen_add_to_stack_pointer";
    if module
        .get_export(mover)
        .is_some_and(|export| export.func().is_some())
    {
        return ReturnArea::AddToStackPointer(mover.to_owned());
    }
    let stack = module.exports().find(|export| {
        export.ty().global().is_some_and(|global| {
            global.mutability() == Mutability::Var && global.content().is_i32()
        })
    });
    let several = module
        .exports()
        .any(|export| export.ty().func().is_some_and(|ty| ty.results().len() > 1));
    if several || has_ref_table {
        return ReturnArea::Values;
    }
    match stack {
        // Which release it is decides; without one, an exported mutable number can only be it.
        Some(global)
            if sections
                .release
                .is_none_or(|release| (66..=69).contains(&release)) =>
        {
            ReturnArea::StackGlobal(global.name().to_owned())
        }
        _ => ReturnArea::Fixed,
    }
}
