//! Instances that their executable's owner lets serve further calls, waiting for the next one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::{Instance, Store};

use crate::call::Profile;
use crate::host::Host;

/// Instances that wait, of all executables together; each takes a place of the engine's pool.
pub const WARM_INSTANCES_MAX: usize = 64;
/// Memory of one that waits, in bytes; an instance that took more is let go after its call.
pub const WARM_MEMORY_BYTES_MAX: usize = 16 << 20;

/// How long an instance may serve.
#[derive(Clone, Copy, Debug)]
pub struct Reuse {
    /// Calls in all.
    pub calls: u32,
    /// From its first call to the beginning of its last.
    pub age: Duration,
}

/// An instance that has served, and may serve on.
pub struct Warm {
    /// The number of its module.
    pub module: u64,
    /// Whose calls it serves: one executable's, with the settings it was made under.
    pub profile: Arc<Profile>,
    /// How long it may serve.
    pub reuse: Reuse,
    /// Its memory, tables and globals, as the last call left them.
    pub store: Store<Host>,
    /// The instance.
    pub instance: Instance,
    /// Calls that it has served.
    pub served: u32,
    /// When its first call began.
    pub born: Instant,
}

impl Warm {
    fn is_over(&self, now: Instant) -> bool {
        self.served >= self.reuse.calls
            || now.saturating_duration_since(self.born) >= self.reuse.age
    }
}

/// The instances that wait. What is taken out is dropped by the caller, without the lock: letting
/// go of an instance takes longer than all else here. It holds its place of the pool until then,
/// while another may already wait in its stead, so instances are taken out one at a time.
#[derive(Default)]
pub struct WarmInstances(Mutex<Vec<Warm>>);

impl WarmInstances {
    /// The instance of this module and profile that served last, whose caches are warmest.
    pub fn take(&self, module: u64, profile: &Arc<Profile>, now: Instant) -> Option<Warm> {
        let mut waiting = self.lock();
        let fits = |warm: &Warm| {
            warm.module == module && Arc::ptr_eq(&warm.profile, profile) && !warm.is_over(now)
        };
        let place = waiting.iter().rposition(fits)?;
        Some(waiting.remove(place))
    }

    /// Keeps an instance for the next call. Gives back what is to be dropped: it, where it has
    /// served its time or holds too much, or the one that waits longest, where there are too many.
    #[must_use]
    pub fn keep(&self, warm: Warm, now: Instant) -> Option<Warm> {
        let holds = warm.store.data().limits.memory_used();
        if warm.is_over(now) || holds > WARM_MEMORY_BYTES_MAX {
            return Some(warm);
        }
        let mut waiting = self.lock();
        let longest = (waiting.len() >= WARM_INSTANCES_MAX).then(|| waiting.remove(0));
        waiting.push(warm);
        longest
    }

    /// Takes out one whose time is over.
    #[must_use]
    pub fn take_expired(&self, now: Instant) -> Option<Warm> {
        self.take_first(|warm| warm.is_over(now))
    }

    /// Takes out one of a module.
    #[must_use]
    pub fn take_of(&self, module: u64) -> Option<Warm> {
        self.take_first(|warm| warm.module == module)
    }

    fn take_first(&self, fits: impl FnMut(&Warm) -> bool) -> Option<Warm> {
        let mut waiting = self.lock();
        let place = waiting.iter().position(fits)?;
        Some(waiting.remove(place))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Warm>> {
        // No step here can panic half way; a poisoned lock says nothing about its content.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
