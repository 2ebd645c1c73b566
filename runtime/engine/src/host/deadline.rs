//! When a call must end: by the clock, or because somebody canceled it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::{Code, Failure};

const RUNNING: u8 = 0;
const CANCELED: u8 = 1;
const CLOSED: u8 = 2;

/// A handle that ends one running call from another thread.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Signal>);

#[derive(Default)]
struct Signal {
    reason: AtomicU8,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Stopper {
    /// Ends the call as canceled by its caller.
    pub fn cancel(&self) {
        self.stop(CANCELED);
    }

    /// Ends the call because the sandbox closes.
    pub fn close(&self) {
        self.stop(CLOSED);
    }

    fn stop(&self, reason: u8) {
        // Under the lock, so that a sleeper between its check and its wait is not missed.
        let _guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.reason.store(reason, Ordering::Release);
        self.0.woken.notify_all();
    }

    /// The failure to end with, if somebody asked for it.
    pub fn failure(&self) -> Option<Failure> {
        match self.0.reason.load(Ordering::Acquire) {
            RUNNING => None,
            CANCELED => Some(Failure::new(Code::Canceled, "The call was canceled.")),
            _ => Some(Failure::closed()),
        }
    }
}

/// The end of one call, checked at every epoch and in every host function that waits.
pub struct Deadline {
    at: Instant,
    timeout_ms: u64,
    stopper: Stopper,
}

impl Deadline {
    /// A deadline `timeout_ms` from now.
    pub fn new(timeout_ms: u64, stopper: Stopper) -> Self {
        // A year bounds what the addition can overflow with.
        const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;
        let at = Instant::now() + Duration::from_millis(timeout_ms.min(YEAR_MS));
        Deadline {
            at,
            timeout_ms,
            stopper,
        }
    }

    /// Fails when the call must end now.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(failure) = self.stopper.failure() {
            return Err(failure);
        }
        if Instant::now() >= self.at {
            return Err(self.timeout());
        }
        Ok(())
    }

    /// The failure of a call whose time ran out.
    fn timeout(&self) -> Failure {
        Failure::new(
            Code::RunTimeout,
            format!("The function did not finish within {} ms.", self.timeout_ms),
        )
        .with(json!({ "timeout_ms": self.timeout_ms }))
    }

    /// Sleeps for a guest, no longer than the call may last. Fails when the call ends first.
    pub fn sleep(&self, duration: Duration) -> Result<(), Failure> {
        let now = Instant::now();
        let until = now
            .checked_add(duration)
            .map_or(self.at, |until| until.min(self.at));
        let signal = &self.stopper.0;
        let mut guard = signal.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if signal.reason.load(Ordering::Acquire) != RUNNING || now >= until {
                break;
            }
            let (next, _) = signal
                .woken
                .wait_timeout(guard, until - now)
                .unwrap_or_else(PoisonError::into_inner);
            guard = next;
        }
        drop(guard);
        self.check()
    }
}
