//! What an uploaded module is: its kind, what can be called in it, what it lacks. Found once, at
//! upload, from the bytes and by running describe exports; a call detects nothing again.

mod descriptors;
mod functions;
mod sections;
pub(crate) mod tags;

pub(crate) use functions::{malloc, may_be_malloc, ref_table};
use serde::{Deserialize, Serialize};
use wasmtime::Module;

use crate::engine::Engine;
use crate::error::Failure;
use crate::host::storage;
use crate::types::{Core, Type};

/// How a module's functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Output of wasm-bindgen, or of cargo for it.
    WasmBindgen,
    /// A WASI preview 1 program.
    WasiCommand,
    /// Any other module: exports of numbers.
    Raw,
}

/// What a module offers and what it lacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interface {
    /// How its functions are called.
    pub kind: Kind,
    /// The exports that can be called.
    pub functions: Vec<Function>,
    /// Function imports that nothing provides, as `module.name`: calling one ends the run.
    pub missing_imports: Vec<String>,
    /// Whether it imports the storage of its executable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uses_storage: bool,
    /// What the owner should know, in sentences.
    pub warnings: Vec<String>,
    /// What calls need to know of the calling convention.
    pub abi: Abi,
}

/// A callable export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// The name that it is called by.
    pub name: String,
    /// The name of the export, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// The types of its parameters, where the module tells them.
    pub params: Option<Vec<Type>>,
    /// The type of its result, where the module tells it.
    pub result: Option<Type>,
    /// The parameters of the export itself.
    pub core_params: Vec<Core>,
    /// The results of the export itself.
    pub core_results: Vec<Core>,
    /// Why it cannot be called without JavaScript, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
}

impl Function {
    /// The name of the export.
    pub fn export(&self) -> &str {
        self.export.as_deref().unwrap_or(&self.name)
    }
}

/// The calling convention of a wasm-bindgen module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Abi {
    /// The wasm-bindgen release (the last number of `0.2.N`), where the module names it.
    pub release: Option<u32>,
    /// Whether this is cargo's output, which the wasm-bindgen program has not processed.
    pub unprocessed: bool,
    /// The export that allocates, if there is one.
    pub malloc: Option<Malloc>,
    /// Where results that are no single number are returned.
    pub return_area: ReturnArea,
    /// The export of the table that holds references, where the module has one.
    pub ref_table: Option<String>,
}

/// The allocator's export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Malloc {
    /// Its name.
    pub name: String,
    /// Whether it takes an alignment after the size (wasm-bindgen 0.2.87 and later).
    pub takes_align: bool,
}

/// Where a function puts a result that is no single number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "export")]
pub enum ReturnArea {
    /// At the constant address 8 (wasm-bindgen up to 0.2.65).
    #[default]
    Fixed,
    /// On the guest's stack, whose pointer is an exported global (0.2.66 to 0.2.69).
    StackGlobal(String),
    /// On the guest's stack, moved by this export (0.2.70 and later).
    AddToStackPointer(String),
    /// In memory that the guest's allocator gives (cargo's output exports no stack pointer).
    Allocated,
    /// Nowhere: results are several values (0.2.95 and later, with reference types).
    Values,
}

/// Describes a module. Runs its describe exports, if it has them, within their own small limits.
pub fn inspect(wasm: &[u8], module: &Module, engine: &Engine) -> Result<Interface, Failure> {
    let (_, missing_imports) = engine.link(module)?;
    let sections = sections::read(wasm);
    let kind = functions::kind(module, &sections);
    let abi = functions::abi(module, &sections, kind);
    let mut functions = functions::callable(module, kind);
    let mut warnings = Vec::new();
    if abi.unprocessed {
        functions::name_by_source(&mut functions);
        match descriptors::run(module, engine) {
            Ok(described) => descriptors::apply(&described, &abi, &mut functions),
            Err(why) => warnings.push(format!(
                "The types of this module's functions could not be read ({why}); they are \
                 guessed at each call. Declare them with PUT /api/executables/:id/types."
            )),
        }
    }
    for name in &missing_imports {
        warnings.push(format!(
            "Import {name} is not provided; a function that calls it fails with MISSING_IMPORT."
        ));
    }
    for function in &functions {
        if let Some(why) = &function.unsupported {
            warnings.push(format!(
                "Function {} cannot be called here: {why}.",
                function.name
            ));
        }
    }
    if functions.is_empty() {
        warnings.push("The module exports no function that can be called.".to_owned());
    }
    Ok(Interface {
        kind,
        functions,
        missing_imports,
        uses_storage: storage::is_used_by(module),
        warnings,
        abi,
    })
}
