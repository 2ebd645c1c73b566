//! The one way out: outcomes gather here and cross to JavaScript together, once per wake-up.
//!
//! They cross as one buffer of little-endian doubles and bytes, since objects cost several times
//! what they hold. It begins with the number of outcomes and a record of [`WORDS`] doubles for each outcome: the call's number, flags (1 ok,
//! 2 text, 4 JSON, 8 log cut, 16 began to store, 32 stored), the length of the result, the length of the log, nanoseconds in the
//! queue, of instantiation and of the run, bytes of memory, and fuel (-1: not counted). Behind the
//! records follow result and log of each in turn. A result too large to be copied has the length
//! -1 and comes as a buffer of its own among the extras; so does a failure, as JSON text, and behind
//! either what the call stored ([`stores::encode`]).

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use napi::bindgen_prelude::{
    Buffer, Env, Function, JsValuesTupleIntoVec, Result, ToNapiValue, Unknown,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Status, sys};
use serde_json::json;
use wasmhook_engine::call::Report;
use wasmhook_engine::error::Failure;
use wasmhook_engine::pool::{Outcome, Outlet};

use crate::stores;

/// Results up to this size are copied into the buffer of their batch; larger ones are handed over
/// as they are, at the price of a finalizer.
const COPIED_RESULT_BYTES: usize = 16 * 1024;
/// Outcomes of one crossing: JavaScript looks at other things in between.
const BATCH: usize = 256;
/// Doubles of one record.
const WORDS: usize = 9;

const OK: u32 = 1;
const IS_TEXT: u32 = 2;
const IS_JSON: u32 = 4;
const LOG_TRUNCATED: u32 = 8;
const BEGAN_TO_STORE: u32 = 16;
const STORED: u32 = 32;

/// Outcomes on their way to JavaScript.
pub struct Outcomes(Vec<Outcome>);

enum Extra {
    Bytes(Vec<u8>),
    Failure(String),
}

impl Outcomes {
    fn encode(self) -> (Vec<u8>, Vec<Extra>) {
        let count = self.0.len();
        let mut records = Vec::with_capacity((1 + count * WORDS) * 8);
        records.extend((count as f64).to_le_bytes());
        let mut bytes = Vec::new();
        let mut extras = Vec::new();
        for outcome in self.0 {
            let Report {
                result,
                log,
                log_truncated,
                instantiate,
                run,
                memory_bytes,
                fuel_used,
                store,
            } = outcome.report;
            let mut flags = if log_truncated { LOG_TRUNCATED } else { 0 };
            let mut len = 0.0;
            match result {
                Ok(output) => {
                    flags |= OK;
                    flags |= if output.is_text { IS_TEXT } else { 0 };
                    flags |= if output.is_json { IS_JSON } else { 0 };
                    if output.bytes.len() > COPIED_RESULT_BYTES {
                        len = -1.0;
                        extras.push(Extra::Bytes(output.bytes));
                    } else {
                        len = output.bytes.len() as f64;
                        bytes.extend_from_slice(&output.bytes);
                    }
                }
                Err(failure) => extras.push(Extra::Failure(describe(failure))),
            }
            if let Some(store) = store {
                flags |= if store.began { BEGAN_TO_STORE } else { 0 };
                // What a call that failed stored is dropped here.
                if flags & OK != 0 && !store.stored.is_empty() {
                    flags |= STORED;
                    extras.push(Extra::Bytes(stores::encode(&store.stored)));
                }
            }
            bytes.extend_from_slice(&log);
            let words: [f64; WORDS] = [
                outcome.id as f64,
                f64::from(flags),
                len,
                log.len() as f64,
                outcome.queued.as_nanos() as f64,
                instantiate.as_nanos() as f64,
                run.as_nanos() as f64,
                memory_bytes as f64,
                fuel_used.map_or(-1.0, |fuel| fuel as f64),
            ];
            records.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        records.append(&mut bytes);
        (records, extras)
    }
}

/// A failure as JSON: its stable code, its sentence, its particulars, and what lies behind a fault
/// of ours (for the log, never for callers).
fn describe(failure: Failure) -> String {
    json!({
        "code": failure.code.as_str(),
        "message": failure.message,
        "detail": failure.detail,
        "cause": failure.cause,
    })
    .to_string()
}

impl JsValuesTupleIntoVec for Outcomes {
    fn into_vec(self, env: sys::napi_env) -> Result<Vec<sys::napi_value>> {
        let calls: Vec<_> = self.0.iter().map(|outcome| outcome.id).collect();
        let (records, extras) = self.encode();
        convert(env, &records, extras).or_else(|error| {
            // There was no memory for the results, so each call ends as a failure of ours; the
            // calls themselves are not lost.
            let failed = Outcomes(calls.into_iter().map(|id| failed(id, &error)).collect());
            let mut exception = std::ptr::null_mut();
            // SAFETY: our caller promises that `env` is current; the call takes away what the
            // failed attempt may have thrown, and writes a handle to `exception`.
            unsafe { sys::napi_get_and_clear_last_exception(env, &mut exception) };
            let (records, extras) = failed.encode();
            convert(env, &records, extras)
        })
    }
}

fn failed(id: u64, error: &napi::Error) -> Outcome {
    Outcome {
        id,
        queued: std::time::Duration::ZERO,
        report: Report::failed(Failure::internal(error)),
    }
}

fn convert(env: sys::napi_env, records: &[u8], extras: Vec<Extra>) -> Result<Vec<sys::napi_value>> {
    let mut buffer = std::ptr::null_mut();
    // SAFETY: `env` is current, as our caller promises; the pointer and length are those of a live
    // slice, which the call only reads; it writes the handle to `buffer`.
    let status = unsafe {
        sys::napi_create_buffer_copy(
            env,
            records.len(),
            records.as_ptr().cast(),
            std::ptr::null_mut(),
            &mut buffer,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(napi::Error::new(
            Status::from(status),
            "no memory for results",
        ));
    }
    // SAFETY: `env` is current.
    let extras = unsafe { Vec::to_napi_value(env, extras) }?;
    Ok(vec![buffer, extras])
}

impl ToNapiValue for Extra {
    unsafe fn to_napi_value(env: sys::napi_env, extra: Self) -> Result<sys::napi_value> {
        // SAFETY: our caller promises that `env` is the current environment.
        unsafe {
            match extra {
                Extra::Bytes(bytes) => Buffer::to_napi_value(env, Buffer::from(bytes)),
                Extra::Failure(json) => String::to_napi_value(env, json),
            }
        }
    }
}

type Wake = ThreadsafeFunction<(), Unknown<'static>, Outcomes, Status, false, true>;

/// Outcomes that JavaScript has not seen yet, and what wakes it.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Vec<Outcome>>,
    /// Whether JavaScript was woken and has not looked yet.
    woken: AtomicBool,
    /// Calls whose outcome JavaScript has not seen; while there are any, its event loop stays.
    outstanding: AtomicUsize,
    wake: OnceLock<Wake>,
}

impl Outbox {
    /// An outbox that empties itself into `on_outcomes`.
    pub fn new(on_outcomes: &Function<'_, Outcomes, Unknown<'static>>) -> Result<Arc<Self>> {
        let outbox = Arc::new(Outbox::default());
        let emptied = Arc::downgrade(&outbox);
        let wake = on_outcomes
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |context| {
                let outbox = emptied.upgrade();
                let outcomes = outbox.map_or_else(Vec::new, |outbox| outbox.take(&context.env));
                Ok(Outcomes(outcomes))
            })?;
        // Freshly made, so there is nothing in it.
        let _ = outbox.wake.set(wake);
        Ok(outbox)
    }

    /// A call begins. On the JavaScript thread.
    pub fn expect(&self, env: &Env) {
        if self.outstanding.fetch_add(1, Ordering::Relaxed) == 0 {
            self.hold(env, true);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Outcome>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, env: &Env) -> Vec<Outcome> {
        // Before looking: what is put from here on is either seen below or wakes anew.
        self.woken.store(false, Ordering::SeqCst);
        let (outcomes, left) = {
            let mut waiting = self.lock();
            if waiting.len() > BATCH {
                let rest = waiting.split_off(BATCH);
                (mem::replace(&mut *waiting, rest), true)
            } else {
                (mem::take(&mut *waiting), false)
            }
        };
        if left {
            self.wake();
        }
        let count = outcomes.len();
        if count > 0 && self.outstanding.fetch_sub(count, Ordering::Relaxed) == count {
            self.hold(env, false);
        }
        outcomes
    }

    /// Keeps the event loop alive, or lets it end.
    fn hold(&self, env: &Env, alive: bool) {
        let Some(wake) = self.wake.get() else { return };
        let raw = wake.raw();
        // SAFETY: both are called on the JavaScript thread, as N-API asks (`env` proves it), on a
        // threadsafe function that lives as long as `self.wake`.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env.raw(), raw);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), raw);
            }
        }
    }
}

impl Outlet for Outbox {
    fn put(&self, outcome: Outcome) {
        self.lock().push(outcome);
    }

    fn wake(&self) {
        if self.lock().is_empty() || self.woken.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(wake) = self.wake.get() {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
