//! What JavaScript hands over, and what the engine makes of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{BufferSlice, Env};
use napi_derive::napi;
use wasmhook_engine::call::{self, Input};
use wasmhook_engine::engine::EngineOptions;
use wasmhook_engine::error::{Code, Failure};
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::Admission;
use wasmhook_engine::types::Signature;
use wasmhook_engine::warm::Reuse;

use crate::{Thrown, thrown};

/// Inputs up to this size are copied: letting go of a buffer on another thread costs more.
const COPIED_INPUT_BYTES: usize = 64 * 1024;

/// The largest size, in bytes: what a 32-bit guest can address.
const BYTES_MAX: f64 = 4_294_967_296.0;
/// The most fuel: up to here JavaScript's numbers tell every whole number from the next.
const FUEL_MAX: f64 = 9_007_199_254_740_991.0;

/// The settings of a sandbox; they hold as long as it does.
#[napi(object)]
pub struct SandboxOptions {
    /// Threads that run calls, which is how many run at one time.
    pub threads: u32,
    /// The ceiling of every call's memory, in bytes.
    pub memory_max_bytes: f64,
    /// The ceiling of every call's table elements.
    pub table_max_elements: u32,
    /// The stack of a guest, in bytes.
    pub stack_bytes: f64,
    /// Wipe only the pages that a call wrote. Only for hosts that never swap: a swapped-out page
    /// would be seen by the next call.
    pub pagemap_scan: bool,
}

impl SandboxOptions {
    pub(crate) fn engine(&self) -> Result<EngineOptions, Failure> {
        Ok(EngineOptions {
            slots: self.threads.max(1),
            memory_max_bytes: bytes("memoryMaxBytes", self.memory_max_bytes)?,
            table_max_elements: self.table_max_elements as usize,
            stack_bytes: bytes("stackBytes", self.stack_bytes)?,
            pagemap_scan: self.pagemap_scan,
        })
    }
}

/// What an executable's owner settled for all its calls.
#[napi(object)]
pub struct ProfileOptions {
    /// The executable, whose calls share concurrency and queue.
    pub group: i64,
    /// Calls of the group that run at one time.
    pub concurrency: u32,
    /// Calls of the group that wait.
    pub queue_length: u32,
    /// How long a call waits for its turn, in milliseconds.
    pub queue_wait_ms: u32,
    /// Wall time of a call once it runs, in milliseconds.
    pub timeout_ms: u32,
    /// Memory, in bytes.
    pub memory_bytes: f64,
    /// Elements of all tables together.
    pub table_elements: u32,
    /// The longest result, in bytes.
    pub output_bytes: f64,
    /// What is kept of standard output and standard error, in bytes.
    pub log_bytes: f64,
    /// Work, in units of fuel, where the module is metered; without it there is no bound.
    pub fuel: Option<f64>,
    /// Calls that an instance serves, where it serves more than one.
    pub reuse_calls: Option<u32>,
    /// How old such an instance grows, in milliseconds.
    pub reuse_age_ms: Option<u32>,
    /// Types that the owner declared, by function, each as JSON; they win over all others.
    pub types: HashMap<String, String>,
    /// The state, where one is set.
    pub state: Option<String>,
    /// Environment variables: name, value, name, value, and so on.
    pub variables: Vec<String>,
}

/// An executable's settings, read once for all its calls.
#[napi]
pub struct Profile(Arc<call::Profile>);

#[napi]
impl Profile {
    /// Checks the settings. The exception's `code` is `AMBIGUOUS_TYPES` when declared types are
    /// none.
    #[napi(constructor)]
    pub fn new(options: ProfileOptions) -> Result<Self, Thrown> {
        options.profile().map(Profile).map_err(thrown)
    }

    pub(crate) fn group(&self) -> u64 {
        self.0.admission.group
    }

    pub(crate) fn shared(&self) -> Arc<call::Profile> {
        self.0.clone()
    }
}

impl ProfileOptions {
    fn profile(self) -> Result<Arc<call::Profile>, Failure> {
        let types = self.types.into_iter().map(|(function, types)| {
            let parsed = Signature::parse(&types);
            let parsed = parsed.map_err(|error| Failure::new(Code::AmbiguousTypes, error))?;
            Ok((function, parsed))
        });
        Ok(Arc::new(call::Profile {
            admission: Admission {
                group: self.group as u64,
                concurrency: self.concurrency as usize,
                queue_length: self.queue_length as usize,
                queue_wait: Duration::from_millis(self.queue_wait_ms.into()),
            },
            limits: CallLimits {
                timeout_ms: self.timeout_ms.into(),
                memory_bytes: bytes("memoryBytes", self.memory_bytes)?,
                table_elements: self.table_elements as usize,
                output_bytes: bytes("outputBytes", self.output_bytes)?,
                log_bytes: bytes("logBytes", self.log_bytes)?,
                fuel: self.fuel.map(fuel).transpose()?,
            },
            reuse: self.reuse_calls.map(|calls| Reuse {
                calls,
                age: Duration::from_millis(self.reuse_age_ms.unwrap_or(0).into()),
            }),
            types: types.collect::<Result<_, Failure>>()?,
            state: self.state,
            variables: pairs(self.variables),
        }))
    }
}

/// A size in bytes as JavaScript has it. Taken as a float: N-API cuts a larger number to 32 bits unsaid.
fn bytes(name: &str, value: f64) -> Result<usize, Failure> {
    whole(name, value, BYTES_MAX).map(|bytes| bytes as usize)
}

fn fuel(value: f64) -> Result<u64, Failure> {
    whole("fuel", value, FUEL_MAX)
}

fn whole(name: &str, value: f64, max: f64) -> Result<u64, Failure> {
    if value.fract() == 0.0 && (0.0..=max).contains(&value) {
        return Ok(value as u64);
    }
    Err(Failure::new(
        Code::Internal,
        format!("{name} is {value}; give a whole number from 0 to {max}."),
    ))
}

/// A call's argument. It must not change until the outcome is there.
pub(crate) fn input(env: &Env, slice: BufferSlice<'_>) -> Result<Input, Thrown> {
    if slice.len() <= COPIED_INPUT_BYTES {
        return Ok(Input::new(slice.to_vec()));
    }
    let buffer = slice.into_buffer(env);
    buffer
        .map(Input::new)
        .map_err(|error| thrown(Failure::internal(&error)))
}

fn pairs(list: Vec<String>) -> Vec<(String, String)> {
    let mut list = list.into_iter();
    std::iter::from_fn(|| Some((list.next()?, list.next()?))).collect()
}
