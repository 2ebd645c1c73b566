//! Bounds-checked access to a guest's memory. Every pointer a guest gives is a claim to check.

use wasmtime::Memory;

/// The range of `len` bytes at `ptr`, if it lies within `memory`.
pub fn range(memory: &[u8], ptr: u32, len: u32) -> Option<std::ops::Range<usize>> {
    let start = ptr as usize;
    let end = start.checked_add(len as usize)?;
    (end <= memory.len()).then_some(start..end)
}

/// The `len` bytes at `ptr`.
pub fn slice(memory: &[u8], ptr: u32, len: u32) -> Option<&[u8]> {
    range(memory, ptr, len).map(|range| &memory[range])
}

/// The `len` bytes at `ptr`, to write to.
pub fn slice_mut(memory: &mut [u8], ptr: u32, len: u32) -> Option<&mut [u8]> {
    range(memory, ptr, len).map(|range| &mut memory[range])
}

/// The little-endian u32 at `ptr`.
pub fn read_u32(memory: &[u8], ptr: u32) -> Option<u32> {
    slice(memory, ptr, 4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

/// The little-endian u64 at `ptr`.
pub fn read_u64(memory: &[u8], ptr: u32) -> Option<u64> {
    slice(memory, ptr, 8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

/// Writes `bytes` at `ptr`; `None` when they do not fit.
pub fn write(memory: &mut [u8], ptr: u32, bytes: &[u8]) -> Option<()> {
    let len = u32::try_from(bytes.len()).ok()?;
    slice_mut(memory, ptr, len)?.copy_from_slice(bytes);
    Some(())
}

/// The calling guest's memory: its export of that name, as WASI and wasm-bindgen both say.
pub fn of_caller<T>(caller: &mut wasmtime::Caller<'_, T>) -> Option<Memory> {
    caller.get_export("memory")?.into_memory()
}
