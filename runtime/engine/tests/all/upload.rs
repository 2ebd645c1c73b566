//! Uploads that are no module, or one that must not be compiled; and the compile child itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use wasmhook_engine::artefact;
use wasmhook_engine::engine::{Engine, EngineOptions};
use wasmhook_engine::error::Code;

use crate::guest::METERED;

fn engine() -> Engine {
    Engine::for_calls(EngineOptions {
        slots: 1,
        memory_max_bytes: 1 << 20,
        table_max_elements: 100,
        stack_bytes: 512 << 10,
        pagemap_scan: false,
    })
    .unwrap()
}

fn refusal(wasm: &[u8]) -> Code {
    match artefact::compile(&engine(), wasm) {
        Ok(_) => panic!("it compiled"),
        Err(failure) => failure.code,
    }
}

fn refusal_of_text(text: &str) -> Code {
    refusal(&wat::parse_str(text).unwrap())
}

#[test]
fn what_is_no_module_is_refused_by_name() {
    assert_eq!(refusal(b""), Code::NotWasm);
    assert_eq!(refusal(b"(module)"), Code::NotWasm);
    assert_eq!(refusal(b"\0asm"), Code::InvalidWasm);
    assert_eq!(refusal_of_text("(component)"), Code::ComponentUnsupported);
}

#[test]
fn a_compiled_artefact_is_no_upload() {
    let wasm = wat::parse_str("(module)").unwrap();
    let artefact = artefact::compile(&engine(), &wasm).unwrap().bytes;
    assert_eq!(refusal(&artefact), Code::PrecompiledRefused);
}

#[test]
fn every_truncation_of_a_module_is_refused_without_a_panic() {
    let text = r#"(module (memory (export "memory") 1) (data (i32.const 0) "abc")
        (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let whole = (0..wasm.len()).filter(|len| artefact::compile(&engine(), &wasm[..*len]).is_ok());
    // A module may end after a section; those prefixes are whole modules that say less.
    assert!(whole.count() < 5);
}

#[test]
fn features_that_are_off_are_invalid() {
    assert_eq!(
        refusal_of_text("(module (memory 1 1 shared))"),
        Code::InvalidWasm
    );
    assert_eq!(
        refusal_of_text("(module (memory i64 1))"),
        Code::InvalidWasm
    );
    assert_eq!(
        refusal_of_text("(module (memory 1) (memory 1))"),
        Code::InvalidWasm
    );
}

#[test]
fn memory_and_tables_past_the_ceiling_are_refused() {
    assert_eq!(
        refusal_of_text("(module (memory 17))"),
        Code::ModuleExceedsLimits
    );
    let tables = "(module (table 60 funcref) (table 60 funcref))";
    assert_eq!(refusal_of_text(tables), Code::ModuleExceedsLimits);
}

#[test]
fn imports_other_than_functions_are_refused() {
    let memory = r#"(module (import "env" "memory" (memory 1)))"#;
    assert_eq!(refusal_of_text(memory), Code::MissingImportKind);
    let global = r#"(module (import "env" "g" (global i32)))"#;
    assert_eq!(refusal_of_text(global), Code::MissingImportKind);
}

#[test]
fn too_many_imports_are_too_complex() {
    let imports: String = (0..5_001)
        .map(|n| format!(r#"(import "env" "f{n}" (func))"#))
        .collect();
    assert_eq!(
        refusal_of_text(&format!("(module {imports})")),
        Code::ModuleTooComplex
    );
}

#[test]
fn names_too_long_or_too_many_bytes_of_them_are_too_complex() {
    let export = |len: usize, n: usize| format!(r#"(func (export "{n}{}"))"#, "x".repeat(len));
    let module = |exports: String| refusal_of_text(&format!("(module {exports})"));
    assert_eq!(module(export(4_096, 0)), Code::ModuleTooComplex);
    let many = (0..1_100).map(|n| export(4_000, n)).collect();
    assert_eq!(module(many), Code::ModuleTooComplex);
}

#[test]
fn more_tables_than_a_call_has_room_for_are_too_complex() {
    let tables = |count| format!("(module {})", "(table 1 funcref)".repeat(count));
    assert!(artefact::compile(&engine(), &wat::parse_str(tables(8)).unwrap()).is_ok());
    assert_eq!(refusal_of_text(&tables(9)), Code::ModuleTooComplex);
}

fn compile(name: &str, wasm: &[u8], flags: &[&str]) -> (Value, PathBuf) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (input, output) = (
        folder.join(format!("{name}.wasm")),
        folder.join(format!("{name}.cwasm")),
    );
    fs::write(&input, wasm).unwrap();
    // What an earlier run of the tests left, if there was one.
    let _ = fs::remove_file(&output);
    let child = Command::new(env!("CARGO_BIN_EXE_wasmhook-compile"))
        .args([&input, &output])
        .args(["--timeout-ms", "30000", "--memory-bytes", "1073741824"])
        .args([
            "--memory-max",
            "1048576",
            "--table-max",
            "100",
            "--stack-bytes",
            "524288",
        ])
        .args(flags)
        .output()
        .unwrap();
    (serde_json::from_slice(&child.stdout).unwrap(), output)
}

#[test]
fn the_compile_child_leaves_a_read_only_artefact_that_loads() {
    let wasm =
        wat::parse_str(r#"(module (func (export "f") (result i32) (i32.const 1)))"#).unwrap();
    let (answer, artefact) = compile("whole", &wasm, &[]);
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["interface"]["functions"][0]["name"], "f");
    assert_eq!(
        fs::metadata(&artefact).unwrap().permissions().mode() & 0o777,
        0o444
    );
    // SAFETY: the child above made this file, and nothing else touches it.
    unsafe { artefact::load(&engine(), &artefact) }.unwrap();
}

#[test]
fn the_compile_child_compiles_for_the_metered_engine_when_told_so() {
    let wasm = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
    let (answer, artefact) = compile("metered", &wasm, &["--metered"]);
    assert_eq!(answer["interface"]["functions"][0]["name"], "f");
    // SAFETY: the child above made this file, and nothing else touches it.
    unsafe { artefact::load(&METERED, &artefact) }.unwrap();
    // SAFETY: as above.
    let failure = unsafe { artefact::load(&engine(), &artefact) }.unwrap_err();
    assert_eq!(failure.code, Code::ArtefactUnusable);
}

#[test]
fn the_compile_child_tells_a_refusal_and_leaves_nothing() {
    let (answer, artefact) = compile("refused", b"not wasm", &[]);
    assert_eq!(
        (&answer["ok"], &answer["code"]),
        (&false.into(), &"NOT_WASM".into())
    );
    assert!(!artefact.exists());
}

#[test]
fn a_file_that_is_no_artefact_is_unusable_and_not_a_crash() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("damaged.cwasm");
    fs::write(&path, b"\x7fELF and nothing more").unwrap();
    // SAFETY: a file whose header is none is refused before any of it is used.
    let failure = unsafe { artefact::load(&engine(), &path) }.unwrap_err();
    assert_eq!(failure.code, Code::ArtefactUnusable);
}
