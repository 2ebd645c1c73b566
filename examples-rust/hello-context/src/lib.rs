//! A greeting whose words come from the function's state, so that changing them needs no upload.

use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// The state in its JSON form. Plain text means the greeting alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    greeting: String,
    #[serde(default)]
    ending: String,
}

/// Greets `s`. The runtime supplies `context`, the state, when a call gives one input.
#[wasm_bindgen]
pub fn say(context: &str, s: &str) -> Result<String, JsError> {
    let Greeting { greeting, ending } = read_greeting(context)?;
    Ok(format!("{greeting} {s}{ending}"))
}

fn read_greeting(context: &str) -> Result<Greeting, JsError> {
    if !context.trim_start().starts_with('{') {
        return Ok(Greeting { greeting: context.trim().to_string(), ending: String::new() });
    }
    serde_json::from_str(context).map_err(|error| {
        JsError::new(&format!(
            "the state must be text or {{\"greeting\": \"…\", \"ending\": \"…\"}}: {error}"
        ))
    })
}
