//! Cargo's output for wasm-bindgen: exact types by its describe functions, which may lie.

use wasmhook_engine::error::Code;
use wasmhook_engine::types::Type;

use crate::guest::{from_text, guest, text};

#[test]
fn describe_functions_give_exact_types() {
    let guest = guest("cargo-output");
    let types = |name: &str| {
        let function = guest
            .interface
            .functions
            .iter()
            .find(|f| f.name == name)
            .unwrap();
        let params = function.params.iter().flatten().map(|ty| ty.to_string());
        let result = function.result.as_ref().map(|ty| ty.to_string());
        (
            params.collect::<Vec<_>>().join(","),
            result.unwrap_or_default(),
        )
    };
    assert_eq!(types("say"), ("text".into(), "text".into()));
    assert_eq!(types("add"), ("u32,u32".into(), "u32".into()));
    assert_eq!(types("greet"), ("text".into(), "result<text>".into()));
    assert_eq!(guest.text("add", ["4294967295", "0"]), "4294967295");
    assert_eq!(guest.code("add", ["-1", "0"]), Code::InputTypeMismatch);
    assert_eq!(guest.code("add", ["1"]), Code::WrongArgumentCount);
}

#[test]
fn declared_types_win_over_described_ones() {
    let guest = guest("cargo-output");
    let types = r#"{"params":["i32","i32"],"result":"i32"}"#;
    assert_eq!(guest.call("add", ["-2", "1"]).types(types).text(), "-1");
}

#[test]
fn lying_describe_functions_end_and_are_not_believed() {
    let guest = guest("cargo-output-hostile");
    assert!(
        guest
            .interface
            .functions
            .iter()
            .all(|function| function.params.is_none())
    );
    assert!(!guest.interface.warnings.is_empty());
    assert_eq!(guest.text("nonsense", ["7"]), "7");
}

#[test]
fn a_hash_at_the_end_of_an_exports_name_is_no_part_of_the_functions() {
    let text = text("cargo-output").replace("_say\"", "_say_0123456789abcdef\"");
    let guest = from_text(&text.replace("\"say\"", "\"say_0123456789abcdef\"")).unwrap();
    assert_eq!(guest.text("say", ["you"]), "hello you");
    assert_eq!(
        guest.interface.functions[0].params.as_deref(),
        Some(&[Type::Text][..])
    );
}
