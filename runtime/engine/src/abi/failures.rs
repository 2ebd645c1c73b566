//! What a call is told when its request or its guest does not fit. Each sentence names the fix.

use serde_json::json;

use crate::describe::{Function, Interface};
use crate::error::{Code, Failure};
use crate::host::bindgen;

const DECLARE: &str = "declare its types with PUT /api/executables/:id/types, for example";

/// Names that a failure lists, and the length of each: a module may have thousands, of any length.
const NAMES_LISTED: usize = 50;
const NAME_LISTED_BYTES: usize = 100;

pub(super) fn unknown_function(interface: &Interface, name: &str) -> Failure {
    let name = bindgen::clipped_to(name, NAME_LISTED_BYTES);
    let total = interface.functions.len();
    let names: Vec<String> = interface
        .functions
        .iter()
        .take(NAMES_LISTED)
        .map(|function| bindgen::clipped_to(&function.name, NAME_LISTED_BYTES))
        .collect();
    let mut list = names.join(", ");
    if names.is_empty() {
        list.push_str("none");
    } else if names.len() < total {
        list.push_str(&format!(" and {} more", total - names.len()));
    }
    Failure::new(
        Code::UnknownFunction,
        format!("There is no function named {name:?}. The functions are: {list}."),
    )
    .with(json!({ "function": name, "functions": names, "functions_total": total }))
}

pub(super) fn unsupported(function: &Function, why: &str) -> Failure {
    let name = &function.name;
    Failure::new(
        Code::UnsupportedSignature,
        format!("{name} cannot be called here: {why}."),
    )
    .with(json!({ "function": name, "reason": why }))
}

/// `missing_state` tells that the call would fit if the executable had a state.
pub(super) fn wrong_count(
    function: &Function,
    expected: Option<usize>,
    given: usize,
    missing_state: bool,
) -> Failure {
    let name = &function.name;
    let takes = match expected {
        Some(1) => "one argument".to_owned(),
        Some(count) => format!("{count} arguments"),
        None => "another number of arguments".to_owned(),
    };
    let advice = if missing_state {
        "To have the state as its first argument, set one with PUT /api/state/:id.".to_owned()
    } else {
        format!("Send that many, or {DECLARE} {{ \"{name}\": [\"text\", \"i32\"] }}.")
    };
    let message = format!("{name} takes {takes}, and the call has {given}. {advice}");
    Failure::new(Code::WrongArgumentCount, message)
        .with(json!({ "function": name, "expected": expected, "given": given }))
}

pub(super) fn ambiguous(function: &Function, given: usize) -> Failure {
    let name = &function.name;
    Failure::new(
        Code::AmbiguousTypes,
        format!(
            "The module does not tell how {name} takes {given} argument(s): its parameters are \
             ({}). To call it, {DECLARE} {{ \"{name}\": [\"text\", \"i32\"] }}.",
            list(&function.core_params)
        ),
    )
    .with(json!({ "function": name, "core_params": function.core_params, "given": given }))
}

pub(super) fn wrong_types(function: &Function) -> Failure {
    unsupported(
        function,
        &format!(
            "the declared types do not fit its parameters ({}) and results ({}); correct them \
             with PUT /api/executables/:id/types",
            list(&function.core_params),
            list(&function.core_results)
        ),
    )
}

pub(super) fn guest_abi(what: &str) -> Failure {
    Failure::new(
        Code::GuestAbi,
        format!(
            "The function broke its calling convention: {what}. If its types are not what the \
             server takes them for, declare them with PUT /api/executables/:id/types."
        ),
    )
    .with(json!({ "reason": what }))
}

pub(super) fn invalid_utf8() -> Failure {
    Failure::new(
        Code::InvalidUtf8,
        "The result is not UTF-8 text; add /bytes to the route to have it as bytes.",
    )
}

fn list(types: &[crate::types::Core]) -> String {
    let names: Vec<String> = types
        .iter()
        .map(|core| format!("{core:?}").to_lowercase())
        .collect();
    names.join(", ")
}
