//! One link of a chain: adds its name to the steps taken, and passes the result on to the next
//! function by returning a `callback`. Upload it several times, each with a state of its own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

/// The state: this link's name, and the request that reaches the next one, if there is a next.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    name: String,
    next: Option<Map<String, Value>>,
}

#[derive(Deserialize, Serialize)]
struct Work {
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    callback: Option<Map<String, Value>>,
    #[serde(default)]
    steps: Vec<String>,
}

/// Takes one step. The runtime supplies `context`, the state, when a call gives one input.
#[wasm_bindgen]
pub fn step(context: &str, work: &str) -> Result<String, JsError> {
    let link: Link = serde_json::from_str(context).map_err(|error| {
        JsError::new(&format!("the state must be {{\"name\": \"…\", \"next\": {{…}}}}: {error}"))
    })?;
    let mut work: Work = serde_json::from_str(work)
        .map_err(|error| JsError::new(&format!("the input must be {{\"steps\": []}}: {error}")))?;
    work.steps.push(link.name);
    work.callback = link.next;
    Ok(serde_json::to_string(&work)?)
}
