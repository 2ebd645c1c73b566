//! Every generation of wasm-bindgen output, by text guests of its shape.

use wasmhook_engine::describe::{Kind, ReturnArea};
use wasmhook_engine::error::Code;

use crate::guest::{LIMITS, NONE, guest};

/// Guests with `say(s: &str) -> String`, one per generation.
const GENERATIONS: [&str; 6] = [
    "wasm-bindgen-61",
    "wasm-bindgen-67",
    "wasm-bindgen-87",
    "wasm-bindgen-100",
    "wasm-bindgen-130",
    "cargo-output",
];

#[test]
fn text_goes_in_and_out_in_every_generation() {
    for name in GENERATIONS {
        let guest = guest(name);
        assert_eq!(guest.interface.kind, Kind::WasmBindgen, "{name}");
        assert_eq!(guest.text("say", ["wörld"]), "hello wörld", "{name}");
        assert_eq!(guest.text("say", [""]), "hello ", "{name}");
        assert!(guest.interface.missing_imports.is_empty(), "{name}");
    }
}

#[test]
fn a_long_text_keeps_every_byte() {
    let long = "x".repeat(60_000);
    for name in GENERATIONS {
        assert_eq!(
            guest(name).text("say", [&long]),
            format!("hello {long}"),
            "{name}"
        );
    }
}

#[test]
fn each_generation_is_told_by_its_shape() {
    let area = |name: &str| guest(name).interface.abi.return_area;
    assert!(matches!(area("wasm-bindgen-61"), ReturnArea::Fixed));
    assert!(matches!(
        area("wasm-bindgen-67"),
        ReturnArea::StackGlobal(_)
    ));
    assert!(matches!(
        area("wasm-bindgen-87"),
        ReturnArea::AddToStackPointer(_)
    ));
    assert!(matches!(area("wasm-bindgen-100"), ReturnArea::Values));
    assert!(matches!(area("wasm-bindgen-130"), ReturnArea::Values));
    assert!(matches!(area("cargo-output"), ReturnArea::Allocated));
}

#[test]
fn allocators_and_machinery_are_no_functions() {
    for name in GENERATIONS {
        let functions = guest(name).interface.functions;
        let machinery = functions.iter().filter(|f| f.name.starts_with('_'));
        assert_eq!(machinery.count(), 0, "{name}");
    }
    let malloc = guest("wasm-bindgen-130").interface.abi.malloc.unwrap();
    assert_eq!(
        (malloc.name.as_str(), malloc.takes_align),
        ("__wbindgen_export", true)
    );
}

#[test]
fn an_error_is_the_functions_own_text() {
    let old = guest("wasm-bindgen-61").failure("number", ["x"]);
    assert_eq!(
        (old.code, old.message.as_str()),
        (Code::FunctionError, "not a number")
    );
    for (name, function, input) in [
        ("wasm-bindgen-87", "greet", vec![""]),
        ("wasm-bindgen-87", "length", vec![""]),
        ("wasm-bindgen-100", "greet", vec![""]),
        ("wasm-bindgen-100", "check", vec![""]),
        ("wasm-bindgen-130", "fail", vec![]),
        ("cargo-output", "greet", vec![""]),
    ] {
        let failure = guest(name).failure(function, input);
        assert_eq!(failure.code, Code::FunctionError, "{name} {function}");
        assert_eq!(failure.message, "it is empty", "{name} {function}");
    }
}

#[test]
fn a_result_without_an_error_is_its_value() {
    for name in ["wasm-bindgen-87", "wasm-bindgen-100", "cargo-output"] {
        assert_eq!(guest(name).text("greet", ["you"]), "hello you", "{name}");
    }
    assert_eq!(guest("wasm-bindgen-87").text("length", ["four"]), "4");
    let new = guest("wasm-bindgen-100");
    assert_eq!(new.text("check", ["x"]), "");
    let declared = r#"{"params":["text"],"result":"result<none>"}"#;
    assert_eq!(new.call("check", ["x"]).types(declared).text(), "");
    assert_eq!(
        new.call("check", [""]).types(declared).failure().message,
        "it is empty"
    );
}

#[test]
fn what_a_function_throws_is_in_the_failure() {
    let failure = guest("wasm-bindgen-87").failure("throws", NONE);
    assert_eq!(failure.code, Code::Trap);
    assert_eq!(failure.detail["trap"], "throw");
    assert_eq!(failure.detail["message"], "thrown text");
    assert_eq!(guest("wasm-bindgen-130").code("throws", NONE), Code::Trap);
}

#[test]
fn old_64_bit_integers_are_two_halves() {
    let types = r#"{"params":["u64","u64"],"result":"u64"}"#;
    let sum = |a: &str, b: &str| {
        guest("wasm-bindgen-61")
            .call("add_u64", [a, b])
            .types(types)
            .text()
    };
    assert_eq!(sum("4294967295", "1"), "4294967296");
    assert_eq!(sum("18446744073709551615", "0"), "18446744073709551615");
}

#[test]
fn optional_numbers_are_nothing_when_empty_in_every_layout() {
    let types = r#"{"params":["option<u32>"],"result":"option<u32>"}"#;
    for name in ["wasm-bindgen-87", "wasm-bindgen-130"] {
        let guest = guest(name);
        assert_eq!(
            guest.call("double", ["21"]).types(types).text(),
            "42",
            "{name}"
        );
        assert_eq!(guest.call("double", [""]).types(types).text(), "", "{name}");
    }
    let types = r#"{"params":["i64"],"result":"option<i64>"}"#;
    let guest = guest("wasm-bindgen-100");
    assert_eq!(guest.call("half", ["-42"]).types(types).text(), "-21");
    assert_eq!(guest.call("half", ["3"]).types(types).text(), "");
    assert_eq!(guest.text("half", ["42"]), "21");
}

#[test]
fn bool_and_bytes_convert() {
    let guest = guest("wasm-bindgen-100");
    let types = r#"{"params":["bool"],"result":"bool"}"#;
    assert_eq!(guest.call("not", [" true\n"]).types(types).text(), "false");
    assert_eq!(
        guest.call("not", ["1"]).types(types).failure().code,
        Code::InputTypeMismatch
    );
    assert_eq!(
        guest.call("reverse", [b"\x00\xff\x01"]).bytes(),
        b"\x01\xff\x00"
    );
    assert_eq!(
        guest.call("reverse", [b"\xff\x00"]).failure().code,
        Code::InvalidUtf8
    );
    let text = guest
        .call("reverse", [b"\xff"])
        .types(r#"["text"]"#)
        .failure();
    assert_eq!(text.code, Code::InputTypeMismatch);
}

#[test]
fn the_reference_table_is_set_up_once_before_the_call() {
    assert_eq!(guest("wasm-bindgen-100").text("table_grew", NONE), "1");
    assert_eq!(guest("wasm-bindgen-100").text("value", NONE), "it is empty");
}

#[test]
fn a_function_of_javascript_values_is_refused_and_announced() {
    let new = guest("wasm-bindgen-100");
    assert_eq!(new.code("takes_value", ["x"]), Code::UnsupportedSignature);
    assert!(
        new.interface
            .warnings
            .iter()
            .any(|warning| warning.contains("takes_value"))
    );
    assert_eq!(
        guest("cargo-output").code("callback", ["x"]),
        Code::UnsupportedSignature
    );
}

#[test]
fn the_console_goes_into_the_log() {
    let report = guest("wasm-bindgen-87").call("log", ["a line"]).run();
    assert_eq!(report.log, b"a line\n");
    assert_eq!(report.result.unwrap().bytes, b"a line");
}

#[test]
fn values_of_the_host_are_bounded_and_reused() {
    let guest = guest("wasm-bindgen-87");
    assert_eq!(guest.code("hoard", NONE), Code::MemoryLimit);
    let patient = wasmhook_engine::limits::CallLimits {
        timeout_ms: 60_000,
        ..LIMITS
    };
    assert_eq!(guest.call("churn", ["x"]).limits(patient).text(), "x");
}

#[test]
fn wasi_imports_work_beside_wasm_bindgens() {
    let guest = guest("wasm-bindgen-wasi");
    assert_eq!(guest.interface.kind, Kind::WasmBindgen);
    assert_eq!(
        guest.call("argument", NONE).state("the state").text(),
        "the state"
    );
    assert_eq!(guest.text("argument", NONE), "");
    let variables = guest
        .call("variables", NONE)
        .state("s")
        .variables(&[("wasm_id", "7")])
        .text();
    assert_eq!(variables, "wasm_state=s\0wasm_id=7\0");
    let of_a_source = guest
        .call("variables", NONE)
        .webhook("{}")
        .variables(&[("webhook", "its owner's")])
        .text();
    assert_eq!(of_a_source, "webhook={}\0webhook=its owner's\0");
    assert_eq!(guest.call("argument", NONE).webhook("{}").text(), "");
    let report = guest.call("print", ["x"]).run();
    assert_eq!(
        (report.log, report.result.unwrap().bytes),
        (b"x".to_vec(), b"x".to_vec())
    );
}

#[test]
fn broken_results_fail_as_such() {
    let guest = guest("broken-results");
    for function in ["outside", "past_the_end", "overflow", "unwritten"] {
        assert_eq!(guest.code(function, NONE), Code::GuestAbi, "{function}");
    }
    assert_eq!(guest.code("not_utf8", NONE), Code::InvalidUtf8);
    assert_eq!(guest.call("not_utf8", NONE).bytes(), b"\xff\xfe text");
    assert_eq!(guest.code("everything", NONE), Code::OutputTooLarge);
    assert_eq!(guest.code("no_such_error", NONE), Code::FunctionError);
}

#[test]
fn broken_allocators_and_stack_pointers_fail_as_such() {
    assert_eq!(
        guest("broken-malloc").code("length", ["text"]),
        Code::GuestAbi
    );
    assert_eq!(guest("broken-malloc").text("length", [""]), "0");
    assert_eq!(
        guest("broken-stack-pointer").code("say", ["text"]),
        Code::GuestAbi
    );
    assert_eq!(guest("no-malloc").code("length", ["text"]), Code::GuestAbi);
    assert_eq!(guest("no-malloc").code("say", NONE), Code::GuestAbi);
}
