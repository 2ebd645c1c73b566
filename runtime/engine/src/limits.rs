//! The bounds of one call: what the caller sets, and what the store asks before it grows.

use serde_json::json;
use wasmtime::ResourceLimiter;

use crate::error::{Code, Failure};

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Wall time of the call, start functions and sleeps included.
    pub timeout_ms: u64,
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// The result, in bytes.
    pub output_bytes: usize,
    /// What is kept of standard output and standard error, in bytes.
    pub log_bytes: usize,
    /// Work, in units of fuel (about one an instruction, and one a byte of a bulk operation), start
    /// functions and helpers such as malloc included. Counts on a metered engine only; `None`
    /// counts there without a bound.
    pub fuel: Option<u64>,
}

impl CallLimits {
    /// The limits of a call that may have nothing.
    pub const NONE: CallLimits = CallLimits {
        timeout_ms: 0,
        memory_bytes: 0,
        table_elements: 0,
        output_bytes: 0,
        log_bytes: 0,
        fuel: Some(0),
    };
}

/// What a guest asked more of than its call allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Linear memory.
    Memory,
    /// Table elements.
    Table,
}

/// The store's limiter. It remembers the last refusal, because the guest's own reaction to it
/// is a trap that says nothing.
pub struct Limits {
    memory_bytes: usize,
    table_elements: usize,
    fuel: u64,
    memory_used: usize,
    table_used: usize,
    /// What the last permission added, to take back where the growth then fails.
    granted: usize,
    refused: Option<Refused>,
}

impl Limits {
    /// A limiter with nothing used yet.
    pub fn new(limits: &CallLimits) -> Self {
        Limits {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            fuel: limits.fuel.unwrap_or(u64::MAX),
            memory_used: 0,
            table_used: 0,
            granted: 0,
            refused: None,
        }
    }

    /// The last refusal, if there was one.
    pub fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// The bytes of memory that the guest has; memory never shrinks, so this is the peak.
    pub fn memory_used(&self) -> usize {
        self.memory_used
    }

    /// The units of fuel that the call may use, where they are counted.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// The failure of a guest that used up its fuel.
    pub fn fuel_failure(&self) -> Failure {
        Failure::new(
            Code::FuelLimit,
            format!(
                "The function needs more than its {} units of fuel; RUN_FUEL limits them.",
                self.fuel
            ),
        )
        .with(json!({ "fuel": self.fuel }))
    }

    /// The failure of a guest that needed more.
    pub fn failure(&self, refused: Refused) -> Failure {
        match refused {
            Refused::Memory => self.memory_failure(),
            Refused::Table => self.table_failure(),
        }
    }

    fn memory_failure(&self) -> Failure {
        Failure::new(
            Code::MemoryLimit,
            format!(
                "The function needs more than its {} bytes of memory.",
                self.memory_bytes
            ),
        )
        .with(json!({ "memory_bytes": self.memory_bytes }))
    }

    fn table_failure(&self) -> Failure {
        Failure::new(
            Code::TableLimit,
            format!(
                "The function needs more than its {} table elements.",
                self.table_elements
            ),
        )
        .with(json!({ "table_elements": self.table_elements }))
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What the module itself forbids is no refusal of ours: the guest expects the -1.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self
            .memory_used
            .saturating_sub(current)
            .saturating_add(desired);
        if used > self.memory_bytes {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.granted = used - self.memory_used;
        self.memory_used = used;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_used -= std::mem::take(&mut self.granted);
        self.refused = Some(Refused::Memory);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A pool's ceiling comes as a maximum too. It is never below the call's limit, so only a
        // maximum below that limit is the module's own.
        let own = maximum.filter(|maximum| *maximum < self.table_elements);
        if own.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self
            .table_used
            .saturating_sub(current)
            .saturating_add(desired);
        if used > self.table_elements {
            self.refused = Some(Refused::Table);
            return Ok(false);
        }
        self.granted = used - self.table_used;
        self.table_used = used;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_used -= std::mem::take(&mut self.granted);
        self.refused = Some(Refused::Table);
        Ok(())
    }
}
