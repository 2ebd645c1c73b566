//! Real output of wasm-bindgen's generations (`test/guests/real`), every function of it.

use std::path::PathBuf;

use crate::guest::{Guest, from_bytes};

/// A function, its types as an owner declares them, and (input, result) pairs. A result that
/// begins with `!` is an error's text.
type Row = (
    &'static str,
    &'static str,
    &'static [(&'static [&'static str], &'static str)],
);

const ROWS: [Row; 33] = [
    (
        "say",
        r#"{"params":["text"],"result":"text"}"#,
        &[(&["you"], "hello you"), (&[""], "hello ")],
    ),
    ("say_owned", r#"["text"]"#, &[(&["you"], "hello you")]),
    (
        "join",
        r#"["text","text","i32"]"#,
        &[(&["a", "b", "-3"], "a|b|-3")],
    ),
    (
        "reverse",
        r#"{"params":["bytes"],"result":"bytes"}"#,
        &[(&["abc"], "cba")],
    ),
    (
        "concat",
        r#"["bytes","bytes"]"#,
        &[(&["abc", "def"], "abcdef")],
    ),
    (
        "add_u64",
        r#"{"params":["u64","u64"],"result":"u64"}"#,
        &[(&["18446744073709551614", "1"], "18446744073709551615")],
    ),
    (
        "neg_i64",
        r#"{"params":["i64"],"result":"i64"}"#,
        &[(&["5000000000"], "-5000000000")],
    ),
    ("add_i32", r#"["i32","i32"]"#, &[(&["5", "-7"], "-2")]),
    (
        "echo_u32",
        r#"{"params":["u32"],"result":"u32"}"#,
        &[(&["4294967295"], "4294967295")],
    ),
    (
        "echo_u8",
        r#"{"params":["u8"],"result":"u8"}"#,
        &[(&["255"], "255")],
    ),
    (
        "echo_i8",
        r#"{"params":["i8"],"result":"i8"}"#,
        &[(&["-128"], "-128")],
    ),
    (
        "not",
        r#"{"params":["bool"],"result":"bool"}"#,
        &[(&["true"], "false")],
    ),
    ("half_f32", r#"["f32"]"#, &[(&["3"], "1.5")]),
    ("half_f64", r#"["f64"]"#, &[(&["3"], "1.5")]),
    (
        "next_char",
        r#"{"params":["char"],"result":"char"}"#,
        &[(&["ä"], "å")],
    ),
    (
        "opt_string",
        r#"{"params":["i32"],"result":"option<text>"}"#,
        &[(&["5"], "some 5"), (&["0"], "")],
    ),
    (
        "opt_bytes",
        r#"{"params":["i32"],"result":"option<bytes>"}"#,
        &[(&["65"], "AAA"), (&["0"], "")],
    ),
    (
        "opt_u32",
        r#"{"params":["i32"],"result":"option<u32>"}"#,
        &[(&["5"], "5"), (&["-1"], "")],
    ),
    (
        "opt_i32",
        r#"{"params":["i32"],"result":"option<i32>"}"#,
        &[(&["-5"], "-5"), (&["0"], "")],
    ),
    (
        "opt_f64",
        r#"{"params":["i32"],"result":"option<f64>"}"#,
        &[(&["5"], "1.25"), (&["0"], "")],
    ),
    (
        "opt_bool",
        r#"{"params":["i32"],"result":"option<bool>"}"#,
        &[(&["0"], "false"), (&["2"], "")],
    ),
    (
        "opt_u64",
        r#"{"params":["i32"],"result":"option<u64>"}"#,
        &[(&["5"], "50000000000"), (&["0"], "")],
    ),
    (
        "take_opt_string",
        r#"["option<text>"]"#,
        &[(&["5"], "Some(\"5\")"), (&[""], "None")],
    ),
    (
        "take_opt_u32",
        r#"{"params":["option<u32>"],"result":"text"}"#,
        &[(&["4294967295"], "Some(4294967295)"), (&[""], "None")],
    ),
    (
        "take_opt_f64",
        r#"["option<f64>"]"#,
        &[(&["1.5"], "Some(1.5)"), (&[""], "None")],
    ),
    (
        "take_opt_bool",
        r#"["option<bool>"]"#,
        &[(&["true"], "Some(true)"), (&[""], "None")],
    ),
    (
        "res_string",
        r#"{"params":["bool"],"result":"result<text>"}"#,
        &[(&["true"], "fine"), (&["false"], "!not fine")],
    ),
    (
        "res_unit",
        r#"{"params":["bool"],"result":"result<none>"}"#,
        &[(&["true"], ""), (&["false"], "!42.5")],
    ),
    (
        "res_text",
        r#"["text"]"#,
        &[(&["41"], "42"), (&["x"], "!invalid digit found in string")],
    ),
    (
        "res_i32_js",
        r#"{"params":["i32"],"result":"result<i32>"}"#,
        &[(&["5"], "5"), (&["-5"], "!must be positive")],
    ),
    (
        "res_f64",
        r#"{"params":["i32"],"result":"result<f64>"}"#,
        &[(&["5"], "1.25"), (&["-5"], "!n must be positive")],
    ),
    (
        "res_opt_u32",
        r#"{"params":["i32"],"result":"result<option<u32>>"}"#,
        &[(&["5"], "5"), (&["0"], ""), (&["-1"], "!negative")],
    ),
    (
        "count",
        r#"{"params":[],"result":"u32"}"#,
        &[(&[], "1"), (&[], "1")],
    ),
];

fn real(name: &str) -> Guest {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../test/guests/real");
    from_bytes(&std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()).unwrap()
}

/// Functions that even the first generations have; two kinds of error came with 0.2.79.
const FUNCTIONS_MIN: usize = ROWS.len() - 2;

/// Calls every function that the guest has.
fn calls_everything(name: &str, declared: bool) {
    let guest = real(name);
    assert!(guest.interface.missing_imports.is_empty(), "{name}");
    let known = |function: &str| guest.interface.functions.iter().any(|f| f.name == function);
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|(function, ..)| known(function))
        .collect();
    assert!(
        rows.len() >= FUNCTIONS_MIN,
        "{name} has {} of them",
        rows.len()
    );
    for (function, types, calls) in rows {
        for (inputs, expected) in *calls {
            let mut call = guest.call(function, *inputs);
            if declared {
                call = call.types(types);
            }
            let said = match call.run().result {
                Ok(output) => String::from_utf8(output.bytes).unwrap(),
                Err(failure) => format!("!{}", failure.message),
            };
            assert_eq!(said, *expected, "{name}: {function}({inputs:?})");
        }
    }
}

#[test]
fn release_61_returns_at_a_fixed_address() {
    calls_everything("0.2.61-types", true);
}

#[test]
fn release_69_exports_its_stack_pointer() {
    calls_everything("0.2.69-types-stripped", true);
}

#[test]
fn release_87_moves_its_stack_pointer_and_hides_its_allocator() {
    calls_everything("0.2.87-types-stripped", true);
}

#[test]
fn release_100_returns_several_values() {
    calls_everything("0.2.100-types", true);
}

#[test]
fn release_130_without_several_values_has_a_reference_table_all_the_same() {
    calls_everything("0.2.130-types-stripped", true);
}

#[test]
fn cargos_output_needs_no_declared_types() {
    calls_everything("0.2.130-types-stripped-raw", false);
}

#[test]
fn text_and_bytes_need_no_declared_types_in_any_release() {
    for name in [
        "0.2.61-types",
        "0.2.69-types-stripped",
        "0.2.87-types-stripped",
        "0.2.100-types",
    ] {
        let guest = real(name);
        assert_eq!(guest.text("say", ["you"]), "hello you", "{name}");
        assert_eq!(guest.text("concat", ["ab", "c"]), "abc", "{name}");
        assert_eq!(guest.text("res_text", ["41"]), "42", "{name}");
        assert_eq!(
            guest.failure("res_text", ["x"]).message,
            "invalid digit found in string"
        );
        assert_eq!(guest.text("add_i32", ["5", "-7"]), "-2", "{name}");
    }
}
