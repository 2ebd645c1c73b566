//! Compiles, describes and calls WebAssembly functions for webhooks.
//!
//! Read in this order: [`engine`] (what the compiler and the allocator are told), [`artefact`]
//! (upload: bytes to a compiled file and an interface), [`call`] (one call, from plan to result),
//! [`pool`] (the threads that calls run on). [`abi`] knows how each kind of guest takes arguments
//! and gives results; [`host`] holds the functions that guests import. Nothing here knows Node.js.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod artefact;
pub mod call;
mod complexity;
pub mod engine;
pub mod engines;
pub mod error;
pub mod host;
pub mod limits;
mod pace;
pub mod pool;
mod queue;
pub mod store;
mod ticker;

pub mod abi;
pub mod describe;
mod ready;
mod trial;
pub mod types;
pub mod warm;
