//! One configuration of wasmtime for the compile child and the server alike, so that what the one
//! compiles the other loads; and the linking of a module to what the host provides.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::json;
use wasmtime::{
    Collector, Config, Enabled, Extern, ExternType, ImportType, InstanceAllocationStrategy,
    InstancePre, Linker, Module, OptLevel, PoolingAllocationConfig, Store,
};

use crate::call::CallRequest;
use crate::error::{Code, Failure};
use crate::host::deadline::{Deadline, Stopper};
use crate::host::{Host, bindgen, storage, wasi};
use crate::limits::CallLimits;
use crate::warm::{WARM_INSTANCES_MAX, WarmInstances};

/// Address space per memory: the 4 GiB that a 32-bit pointer reaches, so that no access needs a
/// bounds check in code.
const MEMORY_RESERVATION_BYTES: u64 = 1 << 32;
/// Unmapped space behind each memory, for the constant offsets of loads and stores.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Tables that one module may have. wasm-bindgen makes two, hand-written modules a few.
pub const TABLES_PER_MODULE: u32 = 8;
/// The size of an instance's own bookkeeping: globals, function and table entries.
const INSTANCE_BYTES_MAX: usize = 4 << 20;
/// Memory that is wiped by hand after a call instead of given back to the kernel. With the page
/// map scan only what was written is wiped, so much can be kept; without it all of it is.
const KEEP_RESIDENT_SCANNED_BYTES: usize = 1 << 20;
const KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Instances beside those that run and those that wait for another call: one that the ticker lets
/// go of, and one of a module that is unloaded. Whatever else is let go of, its call's thread does.
const LEAVING_INSTANCES: u32 = 2;

/// What the interface description and the artefact together mean; raise it when a stored one of
/// either must not be used any more.
const ARTEFACT_FORMAT: u32 = 2;

/// The server-wide settings that the engine depends on.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Calls at one time.
    pub slots: u32,
    /// The ceiling of every call's memory, in bytes.
    pub memory_max_bytes: usize,
    /// The ceiling of every call's table elements.
    pub table_max_elements: usize,
    /// The stack of a guest, in bytes.
    pub stack_bytes: usize,
    /// Wipe only the pages that a call wrote. On wasmtime 48 a page that was swapped out escapes
    /// the scan and would reach the next call, so this is for hosts without swap only.
    pub pagemap_scan: bool,
}

/// Where instances live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// In slots reserved at start: fast.
    Pooling,
    /// Mapped for each call: for hosts that refuse the address space.
    OnDemand,
}

/// wasmtime's engine together with the functions that every guest may import.
pub struct Engine {
    inner: wasmtime::Engine,
    linker: Linker<Host>,
    options: EngineOptions,
    metered: bool,
    warm: WarmInstances,
    allocator: Allocator,
    allocator_note: Option<String>,
}

impl Engine {
    /// An engine that runs calls, or compiles for one that does: pooled where the host gives the address space for it.
    pub fn for_calls(options: EngineOptions) -> Result<Self, Failure> {
        Engine::pooled(options, false)
    }

    /// As [`Engine::for_calls`], for guests whose work is counted in units of fuel. Compiled code
    /// is of one of the two kinds: neither engine takes what was compiled for the other.
    pub fn for_metered_calls(options: EngineOptions) -> Result<Self, Failure> {
        Engine::pooled(options, true)
    }

    /// An engine that reserves nothing up front.
    pub fn for_compiling(options: EngineOptions) -> Result<Self, Failure> {
        Engine::on_demand(options, false)
    }

    fn pooled(options: EngineOptions, metered: bool) -> Result<Self, Failure> {
        let mut pooled = config(&options, metered);
        pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&options)));
        match wasmtime::Engine::new(&pooled) {
            Ok(inner) => Engine::new(inner, options, metered, Allocator::Pooling),
            Err(error) => Ok(Engine {
                allocator_note: Some(format!("{error:#}")),
                ..Engine::on_demand(options, metered)?
            }),
        }
    }

    fn on_demand(options: EngineOptions, metered: bool) -> Result<Self, Failure> {
        let inner = wasmtime::Engine::new(&config(&options, metered));
        let inner = inner.map_err(|e| Failure::internal(&e))?;
        Engine::new(inner, options, metered, Allocator::OnDemand)
    }

    fn new(
        inner: wasmtime::Engine,
        options: EngineOptions,
        metered: bool,
        allocator: Allocator,
    ) -> Result<Self, Failure> {
        let mut linker = Linker::new(&inner);
        linker.allow_shadowing(true);
        wasi::add_to_linker(&mut linker).map_err(|e| Failure::internal(&e))?;
        Ok(Engine {
            inner,
            linker,
            options,
            metered,
            warm: WarmInstances::default(),
            allocator,
            allocator_note: None,
        })
    }

    /// The engine underneath.
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// The settings that it was made with.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Whether the work of its guests is counted.
    pub fn is_metered(&self) -> bool {
        self.metered
    }

    /// The instances that wait for further calls.
    pub fn warm(&self) -> &WarmInstances {
        &self.warm
    }

    /// Where instances live.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// Why instances live where they live, when that is not in the pool that was asked for.
    pub fn allocator_note(&self) -> Option<&str> {
        self.allocator_note.as_deref()
    }

    /// Whether only written pages are wiped after a call.
    pub fn scans_pagemap(&self) -> bool {
        self.allocator == Allocator::Pooling && self.options.pagemap_scan
    }

    /// A store for one call, with its limits, fuel and deadline set.
    pub fn store(&self, host: Host) -> Store<Host> {
        let mut store = Store::new(&self.inner, host);
        if self.metered {
            let fuel = store.data().limits.fuel();
            store.set_fuel(fuel).expect("a metered engine takes fuel");
        }
        store.limiter(|host| &mut host.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| match context.data().deadline.check() {
            Ok(()) => Ok(wasmtime::UpdateDeadline::Continue(1)),
            Err(failure) => Err(wasmtime::Error::new(failure)),
        });
        store
    }

    /// Makes the store of a warm instance ready for another call: what belongs to the last call goes,
    /// what belongs to the instance stays.
    pub fn rearm(&self, store: &mut Store<Host>, request: Arc<CallRequest>, deadline: Deadline) {
        let host = store.data_mut();
        host.wasi = host.wasi.following(request);
        host.deadline = deadline;
        host.thrown = None;
        if self.metered {
            let fuel = host.limits.fuel();
            store.set_fuel(fuel).expect("a metered engine takes fuel");
        }
        store.set_epoch_deadline(1);
    }

    /// The units of fuel that the call of `store` has used; `None` where nothing counts them. A
    /// guest that traps by a fault of the machine (memory, division) or is stopped by the clock
    /// takes along what its innermost function counted since it last called or was called.
    pub fn fuel_used(&self, store: &Store<Host>) -> Option<u64> {
        let given = store.data().limits.fuel();
        store.get_fuel().ok().map(|left| given.saturating_sub(left))
    }

    /// `module` with all that it imports. Functions that nothing provides trap with their name when
    /// called; the second value lists them.
    pub fn link(&self, module: &Module) -> Result<(InstancePre<Host>, Vec<String>), Failure> {
        let mut linker = self.linker.clone();
        bindgen::add_to_linker(&mut linker, module).map_err(|e| Failure::internal(&e))?;
        if storage::is_used_by(module) {
            storage::add_to_linker(&mut linker).map_err(|e| Failure::internal(&e))?;
        }
        let mut missing = Vec::new();
        let mut probe = self.store(Host::idle());
        for import in module.imports() {
            let provided = linker.get_by_import(&mut probe, &import);
            let ExternType::Func(wanted) = import.ty() else {
                if provided.is_none() {
                    return Err(missing_kind(&import));
                }
                continue;
            };
            let fits = match provided {
                Some(Extern::Func(function)) => function.ty(&probe).matches(&wanted),
                _ => false,
            };
            if fits {
                continue;
            }
            let name = format!("{}.{}", import.module(), import.name());
            let failure = missing_import(&name);
            linker
                .func_new(import.module(), import.name(), wanted, move |_, _, _| {
                    Err(wasmtime::Error::new(failure.clone()))
                })
                .map_err(|e| Failure::internal(&e))?;
            missing.push(name);
        }
        // One name imported with two types is valid, and the linker knows one function by a name.
        let linked = linker.instantiate_pre(module).map_err(|error| {
            Failure::new(
                Code::InvalidWasm,
                format!("The module cannot be linked: {error:#}"),
            )
        })?;
        Ok((linked, missing))
    }
}

/// A name for everything an artefact depends on: wasmtime's version and settings, the machine's
/// features, and our own format. The server-wide ceilings are no part of it, nor is metering: an
/// artefact's file name tells that.
pub fn compatibility_hash() -> Result<String, Failure> {
    let options = EngineOptions {
        slots: 1,
        memory_max_bytes: 1 << 20,
        table_max_elements: 1,
        stack_bytes: 512 << 10,
        pagemap_scan: false,
    };
    let engine = Engine::for_compiling(options)?;
    let mut hasher = DefaultHasher::new();
    engine
        .inner
        .precompile_compatibility_hash()
        .hash(&mut hasher);
    (ARTEFACT_FORMAT, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

impl Host {
    /// The data of a store that runs nothing.
    fn idle() -> Self {
        let request = Arc::new(CallRequest::bare("", CallLimits::NONE));
        let deadline = Deadline::new(0, Stopper::default());
        Host::new(wasi::Wasi::new(request, false), &CallLimits::NONE, deadline)
    }
}

fn config(options: &EngineOptions, metered: bool) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .consume_fuel(metered)
        .collector(Collector::Null)
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false)
        .generate_address_map(false)
        .max_wasm_stack(options.stack_bytes)
        .memory_init_cow(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .memory_reservation_for_growth(0)
        .memory_may_move(false);
    config
        .wasm_simd(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_function_references(true)
        .wasm_exceptions(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false);
    config
}

fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
    let slots = options.slots + WARM_INSTANCES_MAX as u32 + LEAVING_INSTANCES;
    let mut pool = PoolingAllocationConfig::new();
    // A guest with references has a small heap for them, taken from the same memories.
    pool.total_memories(slots * 2)
        .total_gc_heaps(slots)
        .total_core_instances(slots)
        .total_tables(slots * TABLES_PER_MODULE)
        .max_tables_per_module(TABLES_PER_MODULE)
        .max_memories_per_module(1)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .table_elements(options.table_max_elements)
        .max_memory_size(options.memory_max_bytes)
        .max_unused_warm_slots(slots * 2);
    if options.pagemap_scan {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(KEEP_RESIDENT_SCANNED_BYTES);
    } else {
        pool.pagemap_scan(Enabled::No)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    }
    pool.table_keep_resident(KEEP_RESIDENT_BYTES);
    pool
}

fn missing_import(name: &str) -> Failure {
    Failure::new(
        Code::MissingImport,
        format!("The function called the import {name}, which this server does not provide."),
    )
    .with(json!({ "import": name }))
}

fn missing_kind(import: &ImportType<'_>) -> Failure {
    let kind = match import.ty() {
        ExternType::Memory(_) => "memory",
        ExternType::Table(_) => "table",
        ExternType::Global(_) => "global",
        _ => "tag",
    };
    let name = format!("{}.{}", import.module(), import.name());
    Failure::new(
        Code::MissingImportKind,
        format!("The module imports the {kind} {name}; build it so that it defines its own."),
    )
    .with(json!({ "import": name, "kind": kind }))
}
