//! The smallest useful function: one text in, one text out.

use wasm_bindgen::prelude::*;

/// Greets whatever it is given.
#[wasm_bindgen]
pub fn say(s: &str) -> String {
    format!("hello {s}")
}
