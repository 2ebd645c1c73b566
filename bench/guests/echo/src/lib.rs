//! Bytes in, the same bytes out: what carrying them costs.

use wasm_bindgen::prelude::*;

/// A copy of what it is given.
#[wasm_bindgen]
pub fn echo(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}
