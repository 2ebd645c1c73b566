//! The one thread that moves time forward for guests: at each tick the epochs of the engines
//! advance, and every running guest looks at its deadline. It sleeps while nothing runs or waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often guests look at their deadline. Shorter costs wake-ups, longer lets calls overrun.
pub const TICK: Duration = Duration::from_millis(2);
/// Ticks without work before the thread sleeps, so that calls one by one do not wake it each time.
const IDLE_TICKS: u32 = 500;

/// How long the thread sleeps where there is something to look after, but nothing to tick for.
const LATER: Duration = Duration::from_secs(1);

/// When the next tick is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After [`TICK`].
    Soon,
    /// Some time.
    Later,
    /// Not before somebody wakes the thread.
    Never,
}

#[derive(Default)]
struct Shared {
    asleep: AtomicBool,
    stopped: AtomicBool,
}

/// The ticking thread; it stops when this is dropped.
pub struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread. At each tick it runs `tick`, which says when the next one is needed.
    pub fn start(tick: impl Fn() -> Next + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = shared.clone();
        let thread = thread::Builder::new()
            .name("wasmhook-ticker".into())
            .spawn(move || {
                let mut idle = 0;
                while !seen.stopped.load(SeqCst) {
                    thread::sleep(TICK);
                    idle = if tick() == Next::Soon { 0 } else { idle + 1 };
                    if idle > IDLE_TICKS {
                        seen.asleep.store(true, SeqCst);
                        // Asked again after saying so: work that comes in between has either seen the
                        // flag and wakes this thread, or is seen here.
                        let next = tick();
                        if !seen.stopped.load(SeqCst) {
                            match next {
                                Next::Soon => {}
                                Next::Later => thread::park_timeout(LATER),
                                Next::Never => thread::park(),
                            }
                        }
                        seen.asleep.store(false, SeqCst);
                        // After a mere look it sleeps again at once.
                        idle = if next == Next::Later { IDLE_TICKS } else { 0 };
                    }
                }
            })?;
        Ok(Ticker {
            shared,
            thread: Some(thread),
        })
    }

    /// There is something to tick for.
    pub fn wake(&self) {
        if self.shared.asleep.load(SeqCst) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        self.unpark();
        if let Some(thread) = self.thread.take() {
            // The thread ends by itself; that it panicked would have been printed already.
            let _ = thread.join();
        }
    }
}
