//! Runs a guest in the compile child, where nothing else ticks: within limits of its own.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use wasmtime::Store;

use crate::call::CallRequest;
use crate::engine::Engine;
use crate::host::Host;
use crate::host::deadline::{Deadline, Stopper};
use crate::host::wasi::Wasi;
use crate::limits::CallLimits;

/// All that is run of a module together.
const TIMEOUT_MS: u64 = 2_000;
const MEMORY_BYTES: usize = 128 << 20;
/// How often the guest is asked whether its time is over.
const TICK: Duration = Duration::from_millis(20);

/// Runs `work` on a store whose guest is ended when its time is over.
pub fn run<T>(engine: &Engine, work: impl FnOnce(Store<Host>) -> T) -> T {
    let limits = CallLimits {
        timeout_ms: TIMEOUT_MS,
        memory_bytes: MEMORY_BYTES,
        table_elements: engine.options().table_max_elements,
        output_bytes: 0,
        log_bytes: 0,
        fuel: None,
    };
    let (done, over) = mpsc::channel::<()>();
    let clock = engine.inner().clone();
    let ticker = std::thread::spawn(move || {
        while over.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            clock.increment_epoch();
        }
    });
    let wasi = Wasi::new(Arc::new(CallRequest::bare("", limits)), false);
    let deadline = Deadline::new(TIMEOUT_MS, Stopper::default());
    let result = work(engine.store(Host::new(wasi, &limits, deadline)));
    drop(done);
    let _ = ticker.join();
    result
}
