//! The one way out: outcomes gather here and cross to JavaScript together, once per wake-up.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use napi::bindgen_prelude::{Buffer, Env, Function, Result, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Status, sys};
use napi_derive::napi;
use wasmhook_engine::call::Report;
use wasmhook_engine::error::Failure;
use wasmhook_engine::pool;

use crate::stores::StoreOutcome;

/// Results up to this size are copied into the JavaScript heap's own buffers; larger ones are
/// handed over as they are, at the price of a finalizer.
const COPIED_RESULT_BYTES: usize = 16 * 1024;

/// What came of one call.
#[napi(object, object_from_js = false)]
pub struct Outcome {
    /// The call's number.
    pub id: i64,
    /// Whether there is a result; else there are a code and a message.
    pub ok: bool,
    /// The result.
    #[napi(ts_type = "Buffer")]
    pub bytes: Option<Bytes>,
    /// Whether the result is known to be UTF-8 text.
    pub is_text: bool,
    /// Whether the result is text that is a JSON object or array.
    pub is_json: bool,
    /// The failure's stable code.
    pub code: Option<&'static str>,
    /// The failure in a sentence.
    pub message: Option<String>,
    /// The failure's particulars: a JSON object as text.
    pub detail: Option<String>,
    /// What lies behind a fault of ours (`INTERNAL`): for the log, never for callers.
    pub cause: Option<String>,
    /// What the guest wrote to standard output and standard error, if anything.
    #[napi(ts_type = "Buffer")]
    pub log: Option<Bytes>,
    /// Whether it wrote more than was kept.
    pub log_truncated: bool,
    /// How long the call waited for its turn, in nanoseconds.
    pub queue_ns: f64,
    /// How long its instance took to make, in nanoseconds.
    pub instantiate_ns: f64,
    /// How long the guest ran, in nanoseconds.
    pub run_ns: f64,
    /// The most memory that the guest had, in bytes.
    pub memory_bytes: f64,
    /// What it did with its executable's store, if anything.
    pub store: Option<StoreOutcome>,
}

impl From<pool::Outcome> for Outcome {
    fn from(outcome: pool::Outcome) -> Self {
        let report = outcome.report;
        let succeeded = report.result.is_ok();
        let (result, failure) = match report.result {
            Ok(output) => (Some(output), None),
            Err(failure) => (None, Some(failure)),
        };
        Outcome {
            id: outcome.id as i64,
            ok: failure.is_none(),
            is_text: result.as_ref().is_some_and(|output| output.is_text),
            is_json: result.as_ref().is_some_and(|output| output.is_json),
            bytes: result.map(|output| Bytes(output.bytes)),
            code: failure.as_ref().map(|failure| failure.code.as_str()),
            detail: failure
                .as_ref()
                .filter(|failure| !failure.detail.is_null())
                .map(|failure| failure.detail.to_string()),
            cause: failure.as_ref().and_then(|failure| failure.cause.clone()),
            message: failure.map(|failure| failure.message),
            log: (!report.log.is_empty()).then_some(Bytes(report.log)),
            log_truncated: report.log_truncated,
            queue_ns: outcome.queued.as_nanos() as f64,
            instantiate_ns: report.instantiate.as_nanos() as f64,
            run_ns: report.run.as_nanos() as f64,
            memory_bytes: report.memory_bytes as f64,
            store: report
                .store
                .map(|store| StoreOutcome::new(store, succeeded)),
        }
    }
}

/// An outcome on its way to JavaScript. One that cannot be made there, for want of memory, arrives
/// as a failure, so that the others of its batch and the call itself are not lost.
pub struct Crossing(pool::Outcome);

impl ToNapiValue for Crossing {
    unsafe fn to_napi_value(
        env: sys::napi_env,
        Crossing(outcome): Self,
    ) -> Result<sys::napi_value> {
        let (id, queued) = (outcome.id, outcome.queued);
        // SAFETY: our caller promises that `env` is the current environment.
        let made = unsafe { Outcome::to_napi_value(env, outcome.into()) };
        made.or_else(|error| {
            let report = Report::failed(Failure::internal(&error));
            let failed = pool::Outcome { id, queued, report };
            let mut exception = std::ptr::null_mut();
            // SAFETY: as above; the first call takes away what a failed attempt may have thrown,
            // and writes a handle to `exception`.
            unsafe {
                sys::napi_get_and_clear_last_exception(env, &mut exception);
                Outcome::to_napi_value(env, failed.into())
            }
        })
    }
}

/// Bytes on their way to a JavaScript buffer.
pub struct Bytes(pub(crate) Vec<u8>);

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, Bytes(bytes): Self) -> Result<sys::napi_value> {
        if bytes.len() > COPIED_RESULT_BYTES {
            // SAFETY: our caller promises that `env` is the current environment.
            return unsafe { Buffer::to_napi_value(env, Buffer::from(bytes)) };
        }
        let mut buffer = std::ptr::null_mut();
        // SAFETY: `env` is current; the pointer and length are those of a live vector, which the
        // call only reads; it writes the handle to `buffer`.
        let status = unsafe {
            sys::napi_create_buffer_copy(
                env,
                bytes.len(),
                bytes.as_ptr().cast(),
                std::ptr::null_mut(),
                &mut buffer,
            )
        };
        if status == sys::Status::napi_ok {
            Ok(buffer)
        } else {
            Err(napi::Error::new(
                Status::from(status),
                "no memory for a result",
            ))
        }
    }
}

type Wake = ThreadsafeFunction<(), Unknown<'static>, Vec<Crossing>, Status, false, true>;

/// Outcomes that JavaScript has not seen yet, and what wakes it.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Vec<pool::Outcome>>,
    /// Calls whose outcome JavaScript has not seen; while there are any, its event loop stays.
    outstanding: AtomicUsize,
    wake: OnceLock<Wake>,
}

impl Outbox {
    /// An outbox that empties itself into `on_outcomes`.
    pub fn new(on_outcomes: &Function<'_, Vec<Crossing>, Unknown<'static>>) -> Result<Arc<Self>> {
        let outbox = Arc::new(Outbox::default());
        let emptied = Arc::downgrade(&outbox);
        let wake = on_outcomes
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |context| {
                let outbox = emptied.upgrade();
                Ok(outbox.map_or_else(Vec::new, |outbox| outbox.take(&context.env)))
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

    /// A call has ended. On any thread.
    pub fn put(&self, outcome: pool::Outcome) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(outcome);
        // Whoever put the first one has woken JavaScript for all that follow.
        if waiting.len() == 1
            && let Some(wake) = self.wake.get()
        {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn take(&self, env: &Env) -> Vec<Crossing> {
        let outcomes = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            mem::take(&mut *waiting)
        };
        let count = outcomes.len();
        if count > 0 && self.outstanding.fetch_sub(count, Ordering::Relaxed) == count {
            self.hold(env, false);
        }
        outcomes.into_iter().map(Crossing).collect()
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
