//! The engine as a Node.js addon: conversions and nothing else. Calls come in through
//! [`sandbox::Sandbox`] and go out, several at a time, through one threadsafe function.

#![deny(unsafe_op_in_unsafe_fn)]

mod options;
mod outbox;
mod sandbox;
mod stores;

use wasmhook_engine::engine;
use wasmhook_engine::error::Failure;

/// A failure as an exception: its `code` is the stable one.
pub(crate) type Thrown = napi::Error<&'static str>;

pub(crate) fn thrown(failure: Failure) -> Thrown {
    napi::Error::new(failure.code.as_str(), failure.message)
}

/// A name for all that a compiled module depends on; one made under another name is useless.
#[napi_derive::napi]
pub fn compatibility_hash() -> Result<String, Thrown> {
    engine::compatibility_hash().map_err(thrown)
}
