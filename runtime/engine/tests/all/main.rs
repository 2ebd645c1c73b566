//! The engine's tests: guests in, results and failures out. One binary, a module per subject.

mod cargo_output;
mod guest;
mod hostile_imports;
mod inference;
mod limits;
mod metering;
mod misbehaving;
mod other_kinds;
mod pool;
mod ready;
mod real_guests;
mod reuse;
mod storage;
mod upload;
mod wasi;
mod wasm_bindgen;
