//! Keeps something from call to call: a count under a name, and texts under keys made for them.

use rust_storage_interface_library::ssvm_storage::{load, store};
use wasm_bindgen::prelude::*;

/// The most bytes of a key.
const NAME_BYTES_MAX: usize = 32;

/// Adds one to the count of that name and returns it. However many calls do so at once, none is
/// lost: they take turns.
#[wasm_bindgen]
pub fn increment(name: &str) -> Result<i32, String> {
    let count = count(name)? + 1;
    store::update_as_i32_vector(name, vec![count]);
    Ok(count)
}

/// The count of that name: 0 until it is incremented.
#[wasm_bindgen]
pub fn count(name: &str) -> Result<i32, String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(format!("a name has 1 to {NAME_BYTES_MAX} bytes and no NUL"));
    }
    // A key that holds nothing loads as a list of nothing.
    Ok(load::load_as_i32_vector(name).first().copied().unwrap_or(0))
}

/// Keeps a text and returns the key to recall it by.
#[wasm_bindgen]
pub fn keep(text: String) -> String {
    store::store(text)
}

/// The text that was kept under that key.
#[wasm_bindgen]
pub fn recall(key: &str) -> Result<String, String> {
    if load::load_as_i32_vector(key).is_empty() {
        return Err("nothing is kept under that key".to_owned());
    }
    Ok(load::load_as_string(key))
}
