//! Guests that use what they import against the host: to outlast their time, to fill its memory,
//! or to have their own faults taken for the host's.

use wasmhook_engine::error::{Code, Failure};
use wasmhook_engine::limits::CallLimits;

use crate::guest::{Guest, LIMITS, NONE, from_text, guest};

const SHORT: CallLimits = CallLimits {
    timeout_ms: 50,
    ..LIMITS
};

fn module(text: &str) -> Guest {
    from_text(text).unwrap_or_else(|failure| panic!("{failure:?}"))
}

/// The most memory that this process ever had, in bytes.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() << 10
}

#[test]
fn a_long_text_named_many_times_in_one_line_of_the_log_is_not_copied_each_time() {
    let params = "i32 ".repeat(60);
    let values = "(local.get $text)".repeat(60);
    let guest = module(&format!(
        r#"(module
             (import "./x_bg.js" "__wbindgen_string_new" (func $new (param i32 i32) (result i32)))
             (import "./x_bg.js" "__wbg_log_0123456789abcdef" (func $log (param {params})))
             (memory (export "memory") 241)
             (func (export "f") (local $text i32)
               (local.set $text (call $new (i32.const 0) (i32.const 0xF00000)))
               (call $log {values})))"#
    ));
    let before = peak_bytes();
    let report = guest.call("f", NONE).run();
    assert!(report.result.is_ok(), "{:?}", report.result);
    assert_eq!(
        (report.log.len(), report.log_truncated),
        (LIMITS.log_bytes, true)
    );
    assert!(peak_bytes() - before < 400 << 20);
}

#[test]
fn imports_called_without_a_loop_end_with_the_time_limit() {
    let guest = module(&format!(
        r#"(module
             (import "./x_bg.js" "__wbindgen_string_new" (func $new (param i32 i32) (result i32)))
             (import "./x_bg.js" "__wbindgen_object_drop_ref" (func $drop (param i32)))
             (import "./x_bg.js" "__wbg_log_0123456789abcdef" (func $log (param i32 i32)))
             (memory (export "memory") 241)
             (func (export "f") {} (call $log (i32.const 0) (i32.const 4))))"#,
        "(call $drop (call $new (i32.const 0) (i32.const 0xF00000)))".repeat(400)
    ));
    let report = guest.call("f", NONE).limits(SHORT).run();
    assert_eq!(report.result.unwrap_err().code, Code::RunTimeout);
    assert!(report.log.is_empty(), "it ran to its end");
}

#[test]
fn system_calls_without_a_loop_end_with_the_time_limit() {
    let guest = module(&format!(
        r#"(module
             (import "wasi_snapshot_preview1" "environ_sizes_get"
               (func $sizes (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "fd_write"
               (func $write (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1)
             (data (i32.const 0) "\08\00\00\00\04\00\00\00done")
             (func (export "f") {}
               (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#,
        "(drop (call $sizes (i32.const 32) (i32.const 36)))".repeat(3_000)
    ));
    let long = "x".repeat(1 << 20);
    let call = guest.call("f", NONE).variables(&[("LONG", &long)]);
    let report = call.limits(SHORT).run();
    assert_eq!(report.result.unwrap_err().code, Code::RunTimeout);
    assert!(report.log.is_empty(), "it ran to its end");
}

#[test]
fn a_text_is_given_through_an_allocator_of_any_name() {
    let text = |exports: &str| {
        let guest = module(&format!(
            r#"(module
                 (import "./x_bg.js" "__wbindgen_number_new" (func $new (param f64) (result i32)))
                 (import "./x_bg.js" "__wbindgen_debug_string" (func $text (param i32 i32)))
                 (memory (export "memory") 1)
                 (func {exports} (param i32 i32) (result i32) (i32.const 1024))
                 (func (export "f") (result i32)
                   (call $text (i32.const 16) (call $new (f64.const 12345)))
                   (i32.load (i32.const 20))))"#
        ));
        guest.call("f", NONE).run().result
    };
    assert_eq!(text(r#"(export "__wbindgen_malloc")"#).unwrap().bytes, b"5");
    assert_eq!(
        text(r#"(export "__wbindgen_export_0")"#).unwrap().bytes,
        b"5"
    );
    assert_eq!(text("").unwrap_err().code, Code::GuestAbi);
}

#[test]
fn helpers_of_other_types_and_a_table_that_cannot_grow_are_the_guests_fault() {
    let malloc = r#"(module (memory (export "memory") 1)
        (func (export "__wbindgen_malloc") (param i64) (result i64) (local.get 0))
        (func (export "f") (param i32 i32) (result i32) (i32.const 1)))"#;
    assert_eq!(module(malloc).code("f", ["text"]), Code::GuestAbi);
    let mover = r#"(module (memory (export "memory") 1)
        (func (export "__wbindgen_malloc") (param i32) (result i32) (i32.const 64))
        (func (export "__wbindgen_add_to_stack_pointer") (param i64) (result i64) (local.get 0))
        (func (export "f") (param i32 i32 i32)))"#;
    assert_eq!(module(mover).code("f", ["text"]), Code::GuestAbi);
    let table = r#"(module
        (import "./x_bg.js" "__wbindgen_init_externref_table" (func $init))
        (table (export "__wbindgen_externrefs") 2 2 externref)
        (memory (export "memory") 1)
        (func (export "__wbindgen_start") (call $init))
        (func (export "f") (result i32) (i32.const 1)))"#;
    assert_eq!(module(table).code("f", NONE), Code::GuestAbi);
}

/// Found by fuzzing: such an import was taken for ours by its parameters, and what it answered
/// failed as a fault of ours.
#[test]
fn an_import_of_our_name_with_another_result_is_not_provided() {
    let imports = [
        ("__wbindgen_object_drop_ref", "i32"),
        ("__wbindgen_describe", "i32"),
        ("__wbindgen_externref_table_set_null", "i32"),
        ("__wbindgen_string_get", "i32 i32"),
        ("__wbindgen_debug_string", "i32 i32"),
        ("__wbg_stack_0123456789abcdef", "i32 i32"),
        ("__wbg_subarray_0123456789abcdef", "i32 i32 i32"),
        ("__wbindgen_init_externref_table", ""),
    ];
    for (name, params) in imports {
        let arguments = "(i32.const 0)".repeat(params.split_whitespace().count());
        let guest = module(&format!(
            r#"(module
                (import "env" "{name}" (func $import (param {params}) (result i64)))
                (func (export "f") (result i64) (call $import {arguments})))"#
        ));
        assert_eq!(guest.code("f", NONE), Code::MissingImport, "{name}");
    }
}

/// Found by fuzzing: its failure had an empty message.
#[test]
fn an_error_of_no_words_says_so() {
    let guest = module(
        r#"(module
            (import "env" "__wbindgen_string_new" (func $text (param i32 i32) (result i32)))
            (import "env" "__wbindgen_rethrow" (func $rethrow (param i32)))
            (memory (export "memory") 1)
            (func (export "f") (call $rethrow (call $text (i32.const 0) (i32.const 0)))))"#,
    );
    let failure = guest.failure("f", NONE);
    assert_eq!(failure.code, Code::FunctionError);
    assert_eq!(
        failure.message,
        "The function returned an error without a text."
    );
}

#[test]
fn a_fault_of_ours_tells_callers_nothing_of_its_cause() {
    let failure = Failure::internal(&"a secret");
    assert!(!failure.message.contains("secret") && failure.detail.is_null());
    assert_eq!(failure.cause.as_deref(), Some("\"a secret\""));
}

#[test]
fn an_allocator_that_spins_ends_with_the_time_limit() {
    let guest = module(
        r#"(module (memory (export "memory") 1)
             (func (export "__wbindgen_malloc") (param i32) (result i32) (loop (br 0)) (i32.const 0))
             (func (export "f") (param i32 i32) (result i32) (i32.const 1)))"#,
    );
    let call = guest.call("f", ["text"]).limits(SHORT);
    assert_eq!(call.failure().code, Code::RunTimeout);
}

#[test]
fn a_describe_function_that_spins_ends_and_leaves_a_warning() {
    let guest = module(
        r#"(module (import "__wbindgen_placeholder__" "__wbindgen_describe" (func (param i32)))
             (memory (export "memory") 1)
             (func (export "__wbindgen_describe_f") (loop (br 0)))
             (func (export "f") (param i32) (result i32) (local.get 0)))"#,
    );
    let warnings = guest.interface.warnings.join(" ");
    assert!(warnings.contains("did not end"), "{warnings}");
    assert_eq!(guest.text("f", ["7"]), "7");
}

#[test]
fn only_text_that_is_a_json_object_or_array_is_json() {
    let guest = guest("wasm-bindgen-87");
    let is_json = |text: &str| guest.call("log", [text]).run().result.unwrap().is_json;
    for text in ["{}", " [1, {\"a\": \"\\ud800\"}]\n", &"[".repeat(9_000)] {
        assert_eq!(is_json(text), text.len() < 9_000, "{text:.40}");
    }
    let deep = ["[".repeat(9_000), "]".repeat(9_000)].concat();
    assert!(is_json(&deep));
    for text in [
        "", "1", "\"text\"", "null", "{", "{} {}", "[1,]", "{'a': 1}",
    ] {
        assert!(!is_json(text), "{text}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_some_of_the_known_ones() {
    let many: String = (0..60)
        .map(|n| format!(r#"(func (export "{}{n}"))"#, "long".repeat(500)))
        .collect();
    let failure = module(&format!("(module {many})")).failure("nothing", NONE);
    assert_eq!(failure.code, Code::UnknownFunction);
    assert_eq!(failure.detail["functions_total"], 60);
    assert_eq!(failure.detail["functions"].as_array().unwrap().len(), 50);
    assert!(
        failure.message.contains("and 10 more"),
        "{}",
        failure.message
    );
    assert!(failure.message.len() < 6_000);
}
