//! Modules that are no wasm-bindgen output: plain numbers, WASI programs, and what they import.

use wasmhook_engine::describe::Kind;
use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;

use crate::guest::{LIMITS, NONE, from_text, guest, text};

#[test]
fn plain_numbers_are_parsed_and_printed() {
    let guest = guest("raw-numbers");
    assert_eq!(guest.interface.kind, Kind::Raw);
    assert_eq!(guest.text("add", ["2", "-3"]), "-1");
    assert_eq!(guest.text("add", ["4294967295", "0"]), "-1");
    assert_eq!(
        guest.text("add64", ["9223372036854775807", "0"]),
        "9223372036854775807"
    );
    assert_eq!(guest.text("half32", ["0.2"]), "0.1");
    assert_eq!(guest.text("half", ["5"]), "2.5");
    assert_eq!(guest.text("divide", ["1", "0"]), "Infinity");
    assert_eq!(guest.text("divide", ["0", "0"]), "NaN");
    assert_eq!(guest.text("answer", NONE), "42");
    assert_eq!(guest.text("nothing", NONE), "");
}

#[test]
fn several_results_are_a_json_array() {
    assert_eq!(guest("raw-numbers").text("divmod", ["7", "2"]), "[3,1]");
}

#[test]
fn types_may_be_declared_for_plain_numbers() {
    let guest = guest("raw-numbers");
    let types = r#"{"params":["u32","u32"],"result":"u32"}"#;
    assert_eq!(
        guest.call("add", ["4294967295", "0"]).types(types).text(),
        "4294967295"
    );
    assert_eq!(
        guest.call("add", ["x"]).types(r#"["text"]"#).failure().code,
        Code::UnsupportedSignature
    );
}

#[test]
fn what_is_no_number_is_refused() {
    let guest = guest("raw-numbers");
    let failure = guest.failure("add", ["2", "three"]);
    assert_eq!(failure.code, Code::InputTypeMismatch);
    assert_eq!(failure.detail["argument"], 2);
    assert_eq!(guest.code("add", ["2"]), Code::WrongArgumentCount);
    assert_eq!(
        guest.code("add", ["1", "99999999999"]),
        Code::InputTypeMismatch
    );
}

#[test]
fn a_program_reads_standard_input_and_its_output_is_the_result() {
    let guest = guest("wasi-program");
    assert_eq!(guest.interface.kind, Kind::WasiCommand);
    assert_eq!(guest.interface.functions[0].name, "_start");
    assert_eq!(guest.text("anything", ["some input"]), "some input");
    assert_eq!(guest.text("anything", NONE), "");
    assert_eq!(
        guest.text("run", ["", "args", "three"]),
        "run\0args\0three\0"
    );
    let long = "y".repeat(200_000);
    assert_eq!(guest.text("run", [&long]), long);
    assert_eq!(guest.call("run", [b"\xff\x00"]).bytes(), b"\xff\x00");
    assert_eq!(guest.code("run", [b"\xff\x00"]), Code::InvalidUtf8);
}

#[test]
fn an_exit_code_is_a_failure_unless_it_is_zero() {
    let guest = guest("wasi-program");
    let report = guest.call("run", ["", "exit"]).run();
    let failure = report.result.unwrap_err();
    assert_eq!(
        (failure.code, failure.detail["exit_code"].as_i64()),
        (Code::ExitCode, Some(3))
    );
    assert_eq!(report.log, b"it failed");
    assert_eq!(guest.text("run", ["", "zero"]), "done");
}

#[test]
fn a_program_that_sleeps_or_floods_ends_at_its_limit() {
    let guest = guest("wasi-program");
    let short = CallLimits {
        timeout_ms: 50,
        ..LIMITS
    };
    assert_eq!(
        guest
            .call("run", ["", "sleep"])
            .limits(short)
            .failure()
            .code,
        Code::RunTimeout
    );
    assert_eq!(guest.code("run", ["", "flood"]), Code::OutputTooLarge);
}

#[test]
fn a_reactor_is_initialized_once_before_its_function() {
    assert_eq!(guest("reactor").text("initialized", NONE), "1");
}

#[test]
fn an_unknown_function_import_fails_only_when_called() {
    let guest = guest("missing-import");
    assert_eq!(guest.interface.missing_imports, ["env.launch"]);
    assert_eq!(guest.text("answer", NONE), "42");
    let failure = guest.failure("calls", ["1"]);
    assert_eq!(failure.code, Code::MissingImport);
    assert_eq!(failure.detail["import"], "env.launch");
}

#[test]
fn an_unknown_memory_import_is_refused() {
    let failure = from_text(&text("missing-memory")).err().unwrap();
    assert_eq!(failure.code, Code::MissingImportKind);
}

#[test]
fn every_call_has_a_fresh_instance() {
    let guest = guest("counter");
    for _ in 0..3 {
        assert_eq!(guest.text("count", NONE), "[1,1,1]");
        guest.text("wide", NONE);
    }
}

/// Found by fuzzing: it was called without them, which failed as a fault of ours.
#[test]
fn a_start_that_takes_arguments_is_no_program() {
    let guest = from_text(r#"(module (func (export "_start") (param i32)))"#).unwrap();
    assert_eq!(guest.interface.kind, Kind::Raw);
    assert!(guest.interface.functions.is_empty());
}
