//! The two engines of a server, and which of them a module runs on.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::engine::{Engine, EngineOptions};
use crate::error::Failure;
use crate::ticker::Next;

/// How long the ticker lets go of instances at one tick: guests wait for it with their deadlines.
const LET_GO_FOR: Duration = Duration::from_millis(1);

/// The engine that most guests run on, and the one that counts their work: a setting of wasmtime's
/// holds for a whole engine, and counting would slow down those who did not ask for it.
pub struct Engines {
    plain: Arc<Engine>,
    /// Made for the first module that needs it: its pool is as large as the other's.
    metered: OnceLock<Result<Arc<Engine>, Failure>>,
}

impl Engines {
    /// The engines of one server.
    pub fn new(options: EngineOptions) -> Result<Self, Failure> {
        Ok(Engines {
            plain: Arc::new(Engine::for_calls(options)?),
            metered: OnceLock::new(),
        })
    }

    /// The engine of guests whose work is not counted.
    pub fn plain(&self) -> &Arc<Engine> {
        &self.plain
    }

    /// The engine of guests whose work is counted.
    pub fn metered(&self) -> Result<&Arc<Engine>, Failure> {
        let make = || Engine::for_metered_calls(*self.plain.options()).map(Arc::new);
        self.metered
            .get_or_init(make)
            .as_ref()
            .map_err(Failure::clone)
    }

    /// Lets go of warm instances whose time is over, as many as it can in a moment; says when to
    /// look again.
    pub fn let_go_of_warm(&self, now: Instant) -> Next {
        let begun = Instant::now();
        let metered = self.metered.get().and_then(|metered| metered.as_ref().ok());
        let mut next = Next::Never;
        for engine in std::iter::once(&self.plain).chain(metered) {
            while let Some(expired) = engine.warm().take_expired(now) {
                drop(expired);
                if begun.elapsed() > LET_GO_FOR {
                    return Next::Soon;
                }
            }
            if !engine.warm().is_empty() {
                next = Next::Later;
            }
        }
        next
    }

    /// Lets every guest look at its deadline.
    pub fn increment_epoch(&self) {
        self.plain.inner().increment_epoch();
        if let Some(Ok(metered)) = self.metered.get() {
            metered.inner().increment_epoch();
        }
    }
}
