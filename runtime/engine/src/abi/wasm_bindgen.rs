//! Functions of wasm-bindgen modules, called without their JavaScript, in every generation:
//! arguments are copied into memory that the guest's allocator gives; results come back as
//! values or through a return area. What the guest would have freed dies with the instance.

use wasmtime::{Extern, Func, Instance, Memory, Module, ModuleExport, Store, Val};

use super::result::{self, Guest};
use super::value::Arg;
use super::{Plan, failures, output};
use crate::call::{CallRequest, Output};
use crate::describe::{Abi, ReturnArea};
use crate::error::Failure;
use crate::host::{Host, bindgen, memory};

/// Where the first generations return results: below all data of a Rust program.
const FIXED_AREA: u32 = 8;
/// The return area. The largest result is an optional 64-bit number or an error: 24 bytes; the
/// guest's stack pointer moves by multiples of 16.
const AREA_BYTES: u32 = 32;
/// What the area holds before the call, so that it shows what the guest wrote.
pub(super) const UNWRITTEN: u8 = 0xFF;

/// The exports that every call of a module needs.
pub(super) struct GuestExports {
    memory: Option<ModuleExport>,
    malloc: Option<ModuleExport>,
    malloc_takes_align: bool,
    free: Option<ModuleExport>,
    stack: Option<ModuleExport>,
    refs: Option<ModuleExport>,
}

impl GuestExports {
    pub(super) fn find(abi: &Abi, module: &Module) -> Self {
        let export = |name: &str| module.get_export_index(name);
        let stack = match &abi.return_area {
            ReturnArea::StackGlobal(name) | ReturnArea::AddToStackPointer(name) => export(name),
            ReturnArea::Fixed | ReturnArea::Allocated | ReturnArea::Values => None,
        };
        GuestExports {
            memory: export("memory"),
            malloc: abi.malloc.as_ref().and_then(|malloc| export(&malloc.name)),
            malloc_takes_align: abi.malloc.as_ref().is_some_and(|malloc| malloc.takes_align),
            free: export("__wbindgen_free"),
            stack,
            refs: abi.ref_table.as_deref().and_then(export),
        }
    }
}

pub(super) fn call(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    request: &CallRequest,
) -> Result<Output, Failure> {
    let refs = export(plan.prepared.guest.refs.as_ref(), store, instance);
    let refs = refs.and_then(Extern::into_table);
    bindgen::init_if_due(store, refs).map_err(|error| Failure::from_guest(error, store.data()))?;
    let mut params = Vec::with_capacity(plan.function().core_params.len());
    let area = if plan.has_return_area {
        let area = return_area(plan, store, instance)?;
        params.push(Val::I32(area as i32));
        Some(area)
    } else {
        None
    };
    for arg in &plan.args {
        match arg {
            Arg::Core(value) => params.push(*value),
            Arg::Block(bytes) => {
                let ptr = copy_in(plan, store, instance, bytes)?;
                params.push(Val::I32(ptr as i32));
                params.push(Val::I32(bytes.len() as i32));
            }
        }
    }
    let results = invoke(plan, store, instance, &params)?;
    let mut guest = Guest {
        memory: find_memory(plan, store, instance),
        refs,
        store,
        output_bytes: request.limits().output_bytes,
        blocks: Vec::new(),
    };
    let bytes = match area {
        Some(area) => result::from_area(plan, &mut guest, area)?,
        None => result::from_values(plan, &mut guest, &results)?,
    };
    let blocks = guest.blocks;
    let output = output(bytes, store, request)?;
    // The result is settled: a guest that fails here, or ends late, is only not called again.
    if request.profile.reuse.is_some() {
        let put_back = put_back(plan, store, instance, &blocks, area);
        store.data_mut().unfit = put_back.is_err();
    }
    Ok(output)
}

/// Gives the guest back what its caller owes it after a call: the blocks of the result and the
/// return area. Where the instance dies with the call nobody needs that.
fn put_back(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    blocks: &[(u32, u32)],
    area: Option<u32>,
) -> Result<(), Failure> {
    for (ptr, len) in blocks {
        free(plan, store, instance, *ptr, *len, 1)?;
    }
    let Some(area) = area else { return Ok(()) };
    let stack = export(plan.prepared.guest.stack.as_ref(), store, instance);
    match (&plan.prepared.interface.abi.return_area, stack) {
        (ReturnArea::AddToStackPointer(_), Some(Extern::Func(mover))) => {
            let params = [Val::I32(AREA_BYTES as i32)];
            run(&mover, store, &params, &mut [Val::I32(0)])
        }
        (ReturnArea::StackGlobal(_), Some(Extern::Global(pointer))) => pointer
            .set(&mut *store, Val::I32(area.wrapping_add(AREA_BYTES) as i32))
            .map_err(|error| Failure::internal(&error)),
        (ReturnArea::Allocated, _) => free(plan, store, instance, area, AREA_BYTES, 8),
        _ => Ok(()),
    }
}

fn free(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    ptr: u32,
    len: u32,
    align: i32,
) -> Result<(), Failure> {
    let guest = &plan.prepared.guest;
    let free = export(guest.free.as_ref(), store, instance).and_then(Extern::into_func);
    let free = free.ok_or_else(|| failures::guest_abi("the module exports no __wbindgen_free"))?;
    let params = [Val::I32(ptr as i32), Val::I32(len as i32), Val::I32(align)];
    let takes = if guest.malloc_takes_align { 3 } else { 2 };
    run(&free, store, &params[..takes], &mut [])
}

/// Calls the planned function itself.
pub(super) fn invoke(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    params: &[Val],
) -> Result<Vec<Val>, Failure> {
    let mut results = plan.results();
    let place = plan.prepared.exports.get(plan.function);
    let function = export(place, store, instance)
        .and_then(Extern::into_func)
        .ok_or_else(|| Failure::internal(&"a function of the interface is no export"))?;
    run(&function, store, params, &mut results)?;
    Ok(results)
}

fn run(
    function: &Func,
    store: &mut Store<Host>,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Failure> {
    function
        .call(&mut *store, params, results)
        .map_err(|error| Failure::from_guest(error, store.data()))
}

fn copy_in(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    bytes: &[u8],
) -> Result<u32, Failure> {
    let len = u32::try_from(bytes.len())
        .map_err(|_| failures::guest_abi("an argument is longer than its memory can be"))?;
    let ptr = allocate(plan, store, instance, len, 1)?;
    let memory = find_memory(plan, store, instance)
        .ok_or_else(|| failures::guest_abi("the module exports no memory"))?;
    // Nothing is written for nothing: the pointer of an empty block may dangle.
    if !bytes.is_empty() {
        memory::write(memory.data_mut(&mut *store), ptr, bytes).ok_or_else(|| {
            failures::guest_abi("its allocator gave an address outside its memory")
        })?;
    }
    Ok(ptr)
}

fn allocate(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
    len: u32,
    align: i32,
) -> Result<u32, Failure> {
    let guest = &plan.prepared.guest;
    let malloc = export(guest.malloc.as_ref(), store, instance).and_then(Extern::into_func);
    let malloc = malloc.ok_or_else(|| {
        failures::guest_abi("the module exports no allocator (__wbindgen_malloc)")
    })?;
    let params = [Val::I32(len as i32), Val::I32(align)];
    let params = if guest.malloc_takes_align {
        &params[..]
    } else {
        &params[..1]
    };
    let mut results = [Val::I32(0)];
    run(&malloc, store, params, &mut results)?;
    match results {
        [Val::I32(0)] => Err(failures::guest_abi("its allocator gave no memory")),
        [Val::I32(ptr)] => Ok(ptr as u32),
        _ => Err(failures::guest_abi("its allocator returned no address")),
    }
}

/// The address of the return area, filled so that untouched bytes show.
fn return_area(
    plan: &Plan<'_>,
    store: &mut Store<Host>,
    instance: &Instance,
) -> Result<u32, Failure> {
    let stack = export(plan.prepared.guest.stack.as_ref(), store, instance);
    let area = match (&plan.prepared.interface.abi.return_area, stack) {
        (ReturnArea::AddToStackPointer(_), Some(Extern::Func(mover))) => {
            let mover = mover.typed::<i32, i32>(&*store).map_err(|_| {
                failures::guest_abi("its export that moves the stack pointer has other types")
            })?;
            let area = mover.call(&mut *store, -(AREA_BYTES as i32));
            area.map_err(|error| Failure::from_guest(error, store.data()))? as u32
        }
        (ReturnArea::StackGlobal(_), Some(Extern::Global(pointer))) => {
            let top = pointer.get(&mut *store).i32().unwrap_or(0);
            let area = top.wrapping_sub(AREA_BYTES as i32);
            pointer
                .set(&mut *store, Val::I32(area))
                .map_err(|_| failures::guest_abi("its stack pointer cannot be set"))?;
            area as u32
        }
        (ReturnArea::Allocated, _) => allocate(plan, store, instance, AREA_BYTES, 8)?,
        _ => FIXED_AREA,
    };
    let filled = find_memory(plan, store, instance).and_then(|memory| {
        memory::write(
            memory.data_mut(&mut *store),
            area,
            &[UNWRITTEN; AREA_BYTES as usize],
        )
    });
    filled.ok_or_else(|| failures::guest_abi("its stack pointer is outside its memory"))?;
    Ok(area)
}

fn find_memory(plan: &Plan<'_>, store: &mut Store<Host>, instance: &Instance) -> Option<Memory> {
    export(plan.prepared.guest.memory.as_ref(), store, instance)?.into_memory()
}

fn export(
    export: Option<&ModuleExport>,
    store: &mut Store<Host>,
    instance: &Instance,
) -> Option<Extern> {
    instance.get_module_export(&mut *store, export?)
}
