//! Ready-made instances: a module whose allocator has already taken its first memory.
//!
//! A wasm-bindgen guest grows its memory at the first allocation of every call, and in a server
//! with several threads that growth, and taking it back for the next call, costs more than the
//! rest of a small call: both change the protection of pages, which every core must be told of.
//! So the compile child asks the allocator for a small block once, and compiles the module with
//! the memory as it is then: larger by what the allocator took, and filled as it was left.
//!
//! Nothing else may have changed, or the module is compiled as it came: a start function, an
//! import that was called, a global or a table that is no longer what it was.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, MemoryType};
use wasmparser::{DataKind, ElementKind, Parser, Payload, TypeRef};
use wasmtime::{Instance, Linker, Module, Ref, Store, Val};

use crate::describe;
use crate::engine::Engine;
use crate::host::Host;
use crate::trial;

/// Larger modules are compiled as they came: it costs two more compilations.
const MODULE_BYTES_MAX: usize = 4 << 20;
/// The block that is asked for and kept: so small that what the allocator took is left for calls.
const BLOCK_BYTES: i32 = 16;
/// An allocator that takes more is left alone: each call would start with that memory.
const GROWTH_BYTES_MAX: usize = 1 << 20;
/// Elements of tables that are compared.
const TABLE_ELEMENTS_MAX: u64 = 20_000;
/// The unit in which memory is looked through for what is not zero.
const PAGE_BYTES: usize = 4096;
const WASM_PAGE_BYTES: usize = 64 << 10;
/// Names of the exports that show what a module keeps to itself.
const SHOWN: &str = "wasmhook:shown:";

/// The module with its allocator's first step done; `None` where it is to be compiled as it came.
pub fn make(engine: &Engine, wasm: &[u8]) -> Option<Vec<u8>> {
    let parts = Parts::read(wasm)?;
    let shown = reencoded(&mut Show { parts: &parts }, wasm)?;
    let compiled = engine.inner().precompile_module(&shown).ok()?;
    // SAFETY: this engine made these bytes in the line above.
    let module = unsafe { Module::deserialize(engine.inner(), &compiled) }.ok()?;
    let mut linker = Linker::new(engine.inner());
    // An allocator needs nobody; one that asks for anything is left alone.
    linker.define_unknown_imports_as_traps(&module).ok()?;
    let mut ready = trial::run(engine, |mut store| {
        let instance = linker.instantiate(&mut store, &module).ok()?;
        let before = kept(&parts, &instance, &mut store)?;
        let memory = instance.get_memory(&mut store, "memory")?;
        let came = memory.data_size(&store);
        take_block(&module, &instance, &mut store)?;
        if kept(&parts, &instance, &mut store)? != before {
            return None;
        }
        let bytes = memory.data(&store);
        let grown = came < bytes.len() && bytes.len() - came <= GROWTH_BYTES_MAX;
        grown.then_some(Ready {
            pages: (bytes.len() / WASM_PAGE_BYTES) as u64,
            content: content(bytes, parts.data_bytes + GROWTH_BYTES_MAX)?,
        })
    })?;
    reencoded(&mut ready, wasm)
}

/// What of a module matters here.
struct Parts {
    /// Globals that can change.
    globals: Vec<u32>,
    tables: u32,
    /// What the module fills its memory with.
    data_bytes: usize,
}

impl Parts {
    /// `None` for a module that this is not for.
    fn read(wasm: &[u8]) -> Option<Self> {
        let mut parts = Parts {
            globals: Vec::new(),
            tables: 0,
            data_bytes: 0,
        };
        let (mut globals, mut memories) = (0, 0);
        let (mut has_memory, mut has_allocator) = (false, false);
        if wasm.len() > MODULE_BYTES_MAX {
            return None;
        }
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::StartSection { .. } => return None,
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import.ok()?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {}
                            _ => return None,
                        }
                    }
                }
                Payload::MemorySection(section) => memories = section.count(),
                Payload::TableSection(section) => parts.tables = section.count(),
                Payload::GlobalSection(section) => {
                    for global in section {
                        if global.ok()?.ty.mutable {
                            parts.globals.push(globals);
                        }
                        globals += 1;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let name = export.ok()?.name;
                        // It would find an allocator that has begun before it.
                        if name == "_initialize" {
                            return None;
                        }
                        has_memory |= name == "memory";
                        has_allocator |= describe::may_be_malloc(name);
                    }
                }
                Payload::ElementSection(section) => {
                    for elements in section {
                        // The allocator may drop them, which nothing here would see.
                        if matches!(elements.ok()?.kind, ElementKind::Passive) {
                            return None;
                        }
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.ok()?;
                        if matches!(data.kind, DataKind::Passive) {
                            return None;
                        }
                        parts.data_bytes += data.data.len();
                    }
                }
                _ => {}
            }
        }
        // The content of the memory takes the place of the module's data.
        let has_data = parts.data_bytes > 0;
        (memories == 1 && has_memory && has_allocator && has_data).then_some(parts)
    }
}

/// Everything but memory that a module keeps from call to call.
#[derive(PartialEq)]
struct Kept {
    globals: Vec<u64>,
    tables: Vec<Vec<Option<usize>>>,
}

fn kept(parts: &Parts, instance: &Instance, store: &mut Store<Host>) -> Option<Kept> {
    let mut globals = Vec::new();
    for at in &parts.globals {
        let global = instance.get_global(&mut *store, &format!("{SHOWN}global:{at}"))?;
        globals.push(match global.get(&mut *store) {
            Val::I32(value) => value as u32 as u64,
            Val::I64(value) => value as u64,
            Val::F32(bits) => bits.into(),
            Val::F64(bits) => bits,
            _ => return None,
        });
    }
    let mut tables = Vec::new();
    for at in 0..parts.tables {
        let table = instance.get_table(&mut *store, &format!("{SHOWN}table:{at}"))?;
        let size = table.size(&*store);
        if size > TABLE_ELEMENTS_MAX {
            return None;
        }
        let mut elements = Vec::new();
        for place in 0..size {
            elements.push(match table.get(&mut *store, place)? {
                Ref::Func(Some(function)) => Some(function.to_raw(&mut *store) as usize),
                Ref::Func(None) | Ref::Extern(None) => None,
                _ => return None,
            });
        }
        tables.push(elements);
    }
    Some(Kept { globals, tables })
}

fn take_block(module: &Module, instance: &Instance, store: &mut Store<Host>) -> Option<()> {
    let malloc = describe::malloc(module)?;
    let takes = instance.get_func(&mut *store, &malloc.name)?;
    let params = [Val::I32(BLOCK_BYTES), Val::I32(1)];
    let params = if malloc.takes_align {
        &params[..]
    } else {
        &params[..1]
    };
    takes.call(store, params, &mut [Val::I32(0)]).ok()
}

/// The runs of pages that are not zero, with their addresses; `None` where they are more than
/// `bytes_max`: all of it would be data of the module.
fn content(memory: &[u8], bytes_max: usize) -> Option<Vec<(usize, Vec<u8>)>> {
    let mut runs: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for (at, page) in memory.chunks(PAGE_BYTES).enumerate() {
        if page.iter().all(|byte| *byte == 0) {
            continue;
        }
        bytes += page.len();
        if bytes > bytes_max {
            return None;
        }
        match runs.last_mut() {
            Some((start, run)) if *start + run.len() == at * PAGE_BYTES => {
                run.extend_from_slice(page);
            }
            _ => runs.push((at * PAGE_BYTES, page.to_vec())),
        }
    }
    (!runs.is_empty()).then_some(runs)
}

fn reencoded(
    how: &mut impl Reencode<Error = std::convert::Infallible>,
    wasm: &[u8],
) -> Option<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    how.parse_core_module(&mut module, Parser::new(0), wasm)
        .ok()?;
    Some(module.finish())
}

/// Exports what a module keeps to itself, so that it can be compared.
struct Show<'p> {
    parts: &'p Parts,
}

impl Reencode for Show<'_> {
    type Error = std::convert::Infallible;

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        reencode::utils::parse_export_section(self, exports, section)?;
        for at in &self.parts.globals {
            exports.export(&format!("{SHOWN}global:{at}"), ExportKind::Global, *at);
        }
        for at in 0..self.parts.tables {
            exports.export(&format!("{SHOWN}table:{at}"), ExportKind::Table, at);
        }
        Ok(())
    }
}

/// Gives a module the memory that it has after its allocator's first step.
struct Ready {
    pages: u64,
    content: Vec<(usize, Vec<u8>)>,
}

impl Reencode for Ready {
    type Error = std::convert::Infallible;

    fn memory_type(
        &mut self,
        ty: wasmparser::MemoryType,
    ) -> Result<MemoryType, reencode::Error<Self::Error>> {
        let mut ty = reencode::utils::memory_type(self, ty);
        ty.minimum = self.pages;
        Ok(ty)
    }

    fn data_count(&mut self, _count: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(self.content.len() as u32)
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        _section: wasmparser::DataSectionReader<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        for (at, bytes) in &self.content {
            data.active(
                0,
                &ConstExpr::i32_const(*at as u32 as i32),
                bytes.iter().copied(),
            );
        }
        Ok(())
    }
}
