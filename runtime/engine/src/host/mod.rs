//! What guests import, and the data of a call's store.

pub mod bindgen;
pub mod deadline;
pub mod memory;
pub mod stdio;
pub mod storage;
pub mod wasi;
mod wasi_poll;
mod wasi_refused;

use crate::limits::{CallLimits, Limits};
use crate::store::Session;
use deadline::Deadline;

/// The data of one call's store. Host functions see it through `Caller::data_mut`.
pub struct Host {
    /// Arguments, environment, standard streams.
    pub wasi: wasi::Wasi,
    /// References that a wasm-bindgen guest holds to values of ours.
    pub bindgen: bindgen::Bindgen,
    /// Memory and table bounds.
    pub limits: Limits,
    /// When the call must end, and whether it was canceled.
    pub deadline: Deadline,
    /// What the guest said before it gave up (a panic or a thrown text); it explains the trap.
    pub thrown: Option<String>,
    /// The call could not put back what it took: the instance serves no other.
    pub unfit: bool,
    /// The call's use of its executable's store, from its first use on.
    pub storage: Option<Box<Session>>,
}

impl Host {
    /// The data of a store whose guest has called nothing yet.
    pub fn new(wasi: wasi::Wasi, limits: &CallLimits, deadline: Deadline) -> Self {
        Host {
            wasi,
            bindgen: bindgen::Bindgen::default(),
            limits: Limits::new(limits),
            deadline,
            thrown: None,
            unfit: false,
            storage: None,
        }
    }
}
