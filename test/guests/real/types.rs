use wasm_bindgen::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
static CALLS: AtomicU32 = AtomicU32::new(0);

#[wasm_bindgen] pub fn say(s: &str) -> String { format!("hello {}", s) }
#[wasm_bindgen] pub fn say_owned(s: String) -> String { format!("hello {}", s) }
#[wasm_bindgen] pub fn join(a: &str, b: &str, n: i32) -> String { format!("{}|{}|{}", a, b, n) }
#[wasm_bindgen] pub fn reverse(b: &[u8]) -> Vec<u8> { b.iter().rev().cloned().collect() }
#[wasm_bindgen] pub fn concat(a: Vec<u8>, b: &[u8]) -> Vec<u8> { let mut v = a; v.extend_from_slice(b); v }
#[wasm_bindgen] pub fn add_u64(a: u64, b: u64) -> u64 { a.wrapping_add(b) }
#[wasm_bindgen] pub fn neg_i64(a: i64) -> i64 { -a }
#[wasm_bindgen] pub fn add_i32(a: i32, b: i32) -> i32 { a.wrapping_add(b) }
#[wasm_bindgen] pub fn echo_u32(a: u32) -> u32 { a }
#[wasm_bindgen] pub fn echo_u8(a: u8) -> u8 { a }
#[wasm_bindgen] pub fn echo_i8(a: i8) -> i8 { a }
#[wasm_bindgen] pub fn not(b: bool) -> bool { !b }
#[wasm_bindgen] pub fn half_f32(x: f32) -> f32 { x / 2.0 }
#[wasm_bindgen] pub fn half_f64(x: f64) -> f64 { x / 2.0 }
#[wasm_bindgen] pub fn next_char(c: char) -> char { std::char::from_u32(c as u32 + 1).unwrap_or('?') }
#[wasm_bindgen] pub fn opt_string(n: i32) -> Option<String> { if n > 0 { Some(format!("some {}", n)) } else { None } }
#[wasm_bindgen] pub fn opt_bytes(n: i32) -> Option<Vec<u8>> { if n > 0 { Some(vec![n as u8; 3]) } else { None } }
#[wasm_bindgen] pub fn opt_u32(n: i32) -> Option<u32> { if n >= 0 { Some(n as u32) } else { None } }
#[wasm_bindgen] pub fn opt_i32(n: i32) -> Option<i32> { if n != 0 { Some(n) } else { None } }
#[wasm_bindgen] pub fn opt_f64(n: i32) -> Option<f64> { if n > 0 { Some(n as f64 / 4.0) } else { None } }
#[wasm_bindgen] pub fn opt_bool(n: i32) -> Option<bool> { match n { 0 => Some(false), 1 => Some(true), _ => None } }
#[wasm_bindgen] pub fn opt_u64(n: i32) -> Option<u64> { if n > 0 { Some(n as u64 * 10_000_000_000) } else { None } }
#[wasm_bindgen] pub fn take_opt_string(s: Option<String>) -> String { format!("{:?}", s) }
#[wasm_bindgen] pub fn take_opt_u32(n: Option<u32>) -> String { format!("{:?}", n) }
#[wasm_bindgen] pub fn take_opt_f64(n: Option<f64>) -> String { format!("{:?}", n) }
#[wasm_bindgen] pub fn take_opt_bool(n: Option<bool>) -> String { format!("{:?}", n) }
#[wasm_bindgen] pub fn res_string(ok: bool) -> Result<String, JsValue> { if ok { Ok("fine".to_string()) } else { Err(JsValue::from_str("not fine")) } }
#[wasm_bindgen] pub fn res_bytes(ok: bool) -> Result<Vec<u8>, JsValue> { if ok { Ok(vec![1, 2, 3]) } else { Err(JsValue::from_str("no bytes")) } }
#[wasm_bindgen] pub fn res_unit(ok: bool) -> Result<(), JsValue> { if ok { Ok(()) } else { Err(JsValue::from_f64(42.5)) } }
#[wasm_bindgen] pub fn res_text(s: &str) -> Result<String, JsValue> { s.parse::<i32>().map(|n| (n + 1).to_string()).map_err(|e| JsValue::from_str(&e.to_string())) }
#[wasm_bindgen] pub fn res_i32_js(n: i32) -> Result<i32, JsValue> { if n > 0 { Ok(n) } else { Err(JsValue::from_str("must be positive")) } }
#[cfg(feature = "v79")]
#[wasm_bindgen] pub fn res_u32(n: i32) -> Result<u32, JsError> { if n > 0 { Ok(n as u32) } else { Err(JsError::new("n must be positive")) } }
#[cfg(feature = "v79")]
#[wasm_bindgen] pub fn res_f64(n: i32) -> Result<f64, JsError> { if n > 0 { Ok(n as f64 / 4.0) } else { Err(JsError::new("n must be positive")) } }
#[cfg(feature = "v79")]
#[wasm_bindgen] pub fn res_string_error(ok: bool) -> Result<String, JsError> { if ok { Ok("fine".to_string()) } else { Err(JsError::new("an Error")) } }
#[cfg(feature = "v79")]
#[wasm_bindgen] pub fn res_opt_u32(n: i32) -> Result<Option<u32>, JsError> { if n > 0 { Ok(Some(n as u32)) } else if n == 0 { Ok(None) } else { Err(JsError::new("negative")) } }
#[cfg(feature = "v79")]
#[wasm_bindgen] pub fn res_opt_string(n: i32) -> Result<Option<String>, JsError> { if n > 0 { Ok(Some("some".to_string())) } else if n == 0 { Ok(None) } else { Err(JsError::new("negative")) } }
#[wasm_bindgen] pub fn nothing() {}
#[wasm_bindgen] pub fn count() -> u32 { CALLS.fetch_add(1, Ordering::SeqCst) + 1 }
#[wasm_bindgen] pub fn panics(s: &str) -> String { panic!("guest panicked: {}", s) }
