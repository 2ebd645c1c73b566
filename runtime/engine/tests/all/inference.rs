//! Which arguments a function takes when nobody declared its types, and what the state is for.

use wasmhook_engine::error::Code;

use crate::guest::{NONE, guest};

#[test]
fn a_function_that_takes_one_text_more_has_the_state_first() {
    let guest = guest("context");
    assert_eq!(
        guest.call("say", ["world"]).state("hello").text(),
        "hello world"
    );
    assert_eq!(
        guest.call("say", ["hi", "world"]).state("unused").text(),
        "hi world"
    );
    let declared = guest.call("say", ["world"]).types(r#"["text","text"]"#);
    assert_eq!(declared.state("hello").text(), "hello world");
    let mixed = guest.call("count", ["2"]).types(r#"["text","i32"]"#);
    assert_eq!(mixed.state("four").text(), "6");
}

#[test]
fn of_a_source_the_senders_request_comes_first_whether_or_not_there_is_a_state() {
    let guest = guest("context");
    let called = guest.call("say", ["world"]).webhook("request");
    assert_eq!(called.text(), "request world");
    let both = guest
        .call("say", ["world"])
        .state("state")
        .webhook("request");
    assert_eq!(both.text(), "request world");
    let typed = guest.call("say", ["world"]).types(r#"["text","text"]"#);
    assert_eq!(typed.webhook("request").text(), "request world");
    let unasked = guest.call("say", ["hi", "world"]).webhook("request");
    assert_eq!(unasked.text(), "hi world");
}

#[test]
fn without_a_state_the_error_names_how_to_set_one() {
    let guest = guest("context");
    let untyped = guest.failure("say", ["world"]);
    assert_eq!(untyped.code, Code::WrongArgumentCount);
    assert!(
        untyped.message.contains("PUT /api/state/:id"),
        "{}",
        untyped.message
    );
    let typed = guest
        .call("say", ["world"])
        .types(r#"["text","text"]"#)
        .failure();
    assert_eq!(typed.code, Code::WrongArgumentCount);
    assert!(
        typed.message.contains("PUT /api/state/:id"),
        "{}",
        typed.message
    );
}

#[test]
fn a_wrong_number_of_arguments_says_the_right_one() {
    let guest = guest("context");
    let none = guest.failure("say", NONE);
    assert_eq!(none.code, Code::WrongArgumentCount);
    assert_eq!(
        (
            none.detail["expected"].as_u64(),
            none.detail["given"].as_u64()
        ),
        (Some(2), Some(0))
    );
    let three = guest.failure("say", ["a", "b", "c"]);
    assert_eq!(three.code, Code::WrongArgumentCount);
    assert!(three.message.contains("PUT /api/executables/:id/types"));
}

#[test]
fn numbers_are_taken_where_every_input_is_one() {
    let guest = guest("wasm-bindgen-100");
    assert_eq!(guest.text("not", ["0"]), "1");
    assert_eq!(guest.text("half", [" -42 "]), "-21");
    assert_eq!(guest.code("half", ["many"]), Code::AmbiguousTypes);
    assert_eq!(guest.code("not", ["many"]), Code::AmbiguousTypes);
}

#[test]
fn what_cannot_be_told_names_the_fix() {
    let failure = guest("context").failure("count", ["text", "5"]);
    assert_eq!(failure.code, Code::AmbiguousTypes);
    assert!(
        failure.message.contains("PUT /api/executables/:id/types"),
        "{}",
        failure.message
    );
}

#[test]
fn declared_types_that_cannot_be_the_functions_are_refused() {
    let guest = guest("context");
    let failure = guest.call("say", ["a"]).types(r#"["f64"]"#).failure();
    assert_eq!(failure.code, Code::UnsupportedSignature);
    let result = guest
        .call("say", ["a", "b"])
        .types(r#"{"params":["text","text"],"result":"f64"}"#);
    assert_eq!(result.failure().code, Code::UnsupportedSignature);
}

#[test]
fn an_unknown_function_lists_those_there_are() {
    let failure = guest("context").failure("shout", ["x"]);
    assert_eq!(failure.code, Code::UnknownFunction);
    assert_eq!(
        failure.detail["functions"],
        serde_json::json!(["say", "count"])
    );
}
