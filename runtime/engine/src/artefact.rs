//! An upload becomes a compiled file and a description of its interface.

use std::path::Path;
use std::time::{Duration, Instant};

use wasmtime::{Engine as Wasmtime, Module};

use crate::complexity;
use crate::describe::{self, Interface};
use crate::engine::Engine;
use crate::error::{Code, Failure};
use crate::ready;

const MAGIC: &[u8] = b"\0asm";
/// Version 1 and layer 0: a core module. Components carry layer 1.
const MODULE_VERSION: [u8; 4] = [1, 0, 0, 0];
const COMPONENT_LAYER: [u8; 2] = [1, 0];
/// How native files of the usual systems begin: ELF (wasmtime's artefacts too), Mach-O, PE.
const NATIVE: [&[u8]; 5] = [
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"MZ",
];

/// A module that compiles in less is made ready as well: that compiles it twice more and tries its
/// allocator, and must not be why the compile child runs out of its time (60 s where nobody set
/// another) and the upload is refused.
const QUICK: Duration = Duration::from_secs(5);

/// A compiled module and what can be called in it.
pub struct Compiled {
    /// The artefact; a file of these bytes is what [`load`] takes.
    pub bytes: Vec<u8>,
    /// Its functions and how to call them.
    pub interface: Interface,
}

/// Compiles an upload. Runs in a child process: nothing here is bounded but by that process.
/// `engine` is one for calls: what its pool has no room for is refused here, not at the first call.
pub fn compile(engine: &Engine, wasm: &[u8]) -> Result<Compiled, Failure> {
    check_header(wasm)?;
    complexity::check(wasm, engine.options())?;
    Module::validate(engine.inner(), wasm).map_err(|error| invalid(&error))?;
    let begun = Instant::now();
    let came = precompiled(engine, wasm)?;
    let ready = if begun.elapsed() < QUICK {
        ready::make(engine, wasm).and_then(|ready| precompiled(engine, &ready).ok())
    } else {
        None
    };
    let (bytes, module) = ready.unwrap_or(came);
    let interface = describe::inspect(wasm, &module, engine)?;
    Ok(Compiled { bytes, interface })
}

fn precompiled(engine: &Engine, wasm: &[u8]) -> Result<(Vec<u8>, Module), Failure> {
    let bytes = engine.inner().precompile_module(wasm);
    let bytes = bytes.map_err(|error| too_complex(&error))?;
    // SAFETY: this engine made these bytes in the line above, and nothing touched them since.
    let module = unsafe { Module::deserialize(engine.inner(), &bytes) };
    Ok((bytes, module.map_err(|error| too_complex(&error))?))
}

/// Maps a compiled file into memory. Nothing is compiled.
///
/// # Safety
///
/// The file must hold exactly the bytes that [`compile`] made, and must not change while the
/// module lives: they are run as native code. Only the header is looked at here (wasmtime's
/// version, settings and machine), so damage behind it is not noticed: whoever calls this compares
/// a hash of the whole file first.
pub unsafe fn load(engine: &Engine, path: &Path) -> Result<Module, Failure> {
    // SAFETY: the caller promises what this function asks for, which is what wasmtime asks for.
    let module = unsafe { Module::deserialize_file(engine.inner(), path) }.map_err(|error| {
        Failure::new(
            Code::ArtefactUnusable,
            format!("The compiled file cannot be used, compile the module again: {error:#}"),
        )
    })?;
    // The copy-on-write image is made now, not within the first call.
    module
        .initialize_copy_on_write_image()
        .map_err(|error| Failure::internal(&error))?;
    Ok(module)
}

fn check_header(wasm: &[u8]) -> Result<(), Failure> {
    let precompiled = Wasmtime::detect_precompiled(wasm).is_some();
    if precompiled || NATIVE.iter().any(|magic| wasm.starts_with(magic)) {
        return Err(Failure::new(
            Code::PrecompiledRefused,
            "This is native or compiled code; upload the .wasm that it was made from.",
        ));
    }
    if !wasm.starts_with(MAGIC) {
        let message = if wasm.first().is_some_and(|first| first.is_ascii_graphic()) {
            "This is text, not a WebAssembly module; upload a binary .wasm file."
        } else {
            "This is not a WebAssembly module; upload a binary .wasm file."
        };
        return Err(Failure::new(Code::NotWasm, message));
    }
    match wasm.get(4..8) {
        Some(version) if version == MODULE_VERSION => Ok(()),
        Some(version) if version[2..] == COMPONENT_LAYER => Err(Failure::new(
            Code::ComponentUnsupported,
            "This is a WebAssembly component; upload a core module, such as wasm-bindgen's \
             *_bg.wasm or a WASI preview 1 program.",
        )),
        Some(_) => Err(Failure::new(
            Code::InvalidWasm,
            "This is a WebAssembly module of an unknown version; build it as version 1.",
        )),
        None => Err(Failure::new(
            Code::InvalidWasm,
            "The module ends within its first eight bytes; upload the whole file.",
        )),
    }
}

fn too_complex(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Code::ModuleTooComplex,
        format!("The module cannot be compiled: {error:#}"),
    )
}

fn invalid(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Code::InvalidWasm,
        format!("The module is truncated, malformed, or uses a feature that is off: {error:#}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> Option<Code> {
        check_header(bytes).err().map(|failure| failure.code)
    }

    #[test]
    fn a_file_is_told_by_its_first_bytes() {
        assert_eq!(code(b"\0asm\x01\0\0\0"), None);
        assert_eq!(code(b"\0asm\x0d\0\x01\0"), Some(Code::ComponentUnsupported));
        assert_eq!(code(b"\0asm\x02\0\0\0"), Some(Code::InvalidWasm));
        assert_eq!(code(b"\0asm\x01"), Some(Code::InvalidWasm));
        assert_eq!(code(b"(module)"), Some(Code::NotWasm));
        assert_eq!(code(b""), Some(Code::NotWasm));
        assert_eq!(code(b"\x7fELF\x02\x01\x01"), Some(Code::PrecompiledRefused));
    }
}
