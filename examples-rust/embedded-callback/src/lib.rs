//! Says where its own result goes: the returned JSON carries a `callback`, which the runtime cuts
//! out and follows; the rest is the body of that request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

/// The state: the request to make, and who writes to whom.
#[derive(Deserialize)]
struct Config {
    callback: Map<String, Value>,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Reply<'a> {
    callback: &'a Map<String, Value>,
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    content: [Content<'a>; 1],
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    subject: &'a str,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a str,
}

/// Greets `s` by e-mail. The runtime supplies `context`, the state, when a call gives one input.
#[wasm_bindgen]
pub fn say(context: &str, s: &str) -> Result<String, JsError> {
    let config: Config = serde_json::from_str(context).map_err(|error| {
        JsError::new(&format!(
            "the state must be JSON with \"callback\", \"from\" and \"to\": {error}"
        ))
    })?;
    let greeting = format!("hello {s}");
    let reply = Reply {
        callback: &config.callback,
        personalizations: [Personalization { to: [address(&config.to)], subject: &greeting }],
        from: address(&config.from),
        content: [Content { kind: "text/plain", value: &greeting }],
    };
    Ok(serde_json::to_string(&reply)?)
}

fn address(email: &str) -> Address<'_> {
    Address { email, name: "" }
}
