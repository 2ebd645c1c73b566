//! Cheap counts on an upload before it is compiled: what would take the compiler long, or what no
//! call could ever be given.

use serde_json::json;
use wasmparser::{Parser, Payload};

use crate::engine::{EngineOptions, TABLES_PER_MODULE};
use crate::error::{Code, Failure};

/// A language runtime compiled whole has a few tens of thousands.
const FUNCTIONS_MAX: u64 = 100_000;
/// The time of register allocation grows faster than the body; large interpreters stay below.
const FUNCTION_BODY_BYTES_MAX: u64 = 2 << 20;
/// Each export is a line of the description and an entry looked up at load.
const EXPORTS_MAX: u64 = 10_000;
/// Each import that nothing provides becomes a host function at load.
const IMPORTS_MAX: u64 = 5_000;
/// The longest name of an import or export; mangled names of generic Rust functions reach a few
/// hundred bytes.
const NAME_BYTES_MAX: u64 = 4 << 10;
/// All those names together: each is in the description and looked up at load.
const NAMES_BYTES_MAX: u64 = 4 << 20;
const TYPES_MAX: u64 = 50_000;
/// Globals live in the instance, which is copied afresh for every call.
const GLOBALS_MAX: u64 = 50_000;
const SEGMENTS_MAX: u64 = 50_000;
const WASM_PAGE_BYTES: u64 = 65_536;

/// Refuses what is too complex, or declares more memory or table than the ceilings.
pub fn check(wasm: &[u8], options: &EngineOptions) -> Result<(), Failure> {
    let mut table_elements = 0u64;
    let mut names = Names::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::TypeSection(types) => within("types", types.count().into(), TYPES_MAX)?,
            Payload::ImportSection(imports) => {
                within("imports", imports.count().into(), IMPORTS_MAX)?;
                for import in imports.into_imports() {
                    let import = import.map_err(|error| malformed(&error))?;
                    names.add(import.module)?;
                    names.add(import.name)?;
                }
            }
            Payload::FunctionSection(functions) => {
                within("functions", functions.count().into(), FUNCTIONS_MAX)?;
            }
            Payload::GlobalSection(globals) => {
                within("globals", globals.count().into(), GLOBALS_MAX)?;
            }
            Payload::ExportSection(exports) => {
                within("exports", exports.count().into(), EXPORTS_MAX)?;
                for export in exports {
                    names.add(export.map_err(|error| malformed(&error))?.name)?;
                }
            }
            Payload::ElementSection(elements) => {
                within("element segments", elements.count().into(), SEGMENTS_MAX)?;
            }
            Payload::DataSection(data) => {
                within("data segments", data.count().into(), SEGMENTS_MAX)?;
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len() as u64;
                within("bytes in one function", bytes, FUNCTION_BODY_BYTES_MAX)?;
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let pages = memory.map_err(|error| malformed(&error))?.initial;
                    let bytes = pages.saturating_mul(WASM_PAGE_BYTES);
                    affordable("bytes of memory", bytes, options.memory_max_bytes as u64)?;
                }
            }
            Payload::TableSection(tables) => {
                within("tables", tables.count().into(), TABLES_PER_MODULE.into())?;
                for table in tables {
                    let initial = table.map_err(|error| malformed(&error))?.ty.initial;
                    table_elements = table_elements.saturating_add(initial);
                    let limit = options.table_max_elements as u64;
                    affordable("table elements", table_elements, limit)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The names that were counted so far.
#[derive(Default)]
struct Names {
    bytes: u64,
}

impl Names {
    fn add(&mut self, name: &str) -> Result<(), Failure> {
        let bytes = name.len() as u64;
        within("bytes in one name", bytes, NAME_BYTES_MAX)?;
        self.bytes += bytes;
        within("bytes of names", self.bytes, NAMES_BYTES_MAX)
    }
}

fn within(what: &str, count: u64, limit: u64) -> Result<(), Failure> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("The module has {count} {what}; {limit} is the most that is compiled.");
    Err(Failure::new(Code::ModuleTooComplex, message)
        .with(json!({ "what": what, "count": count, "limit": limit })))
}

fn affordable(what: &str, count: u64, limit: u64) -> Result<(), Failure> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("The module starts with {count} {what}; a call may have {limit}.");
    Err(Failure::new(Code::ModuleExceedsLimits, message)
        .with(json!({ "what": what, "count": count, "limit": limit })))
}

fn malformed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Code::InvalidWasm,
        format!("The module is truncated or malformed: {error}"),
    )
}
