//! The threads that calls run on, and the queue in front of them.
//!
//! Waiting calls are taken in turn from group to group (a group is an executable), first come
//! first served within one. A group runs at most so many calls at once, and the last free threads
//! are kept for groups that run nothing and whose recent calls were short: groups that spin, one
//! or many, hold up nobody else once they are known for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::call::{CallRequest, LoadedModule, Report};
use crate::engines::Engines;
use crate::error::{Code, Failure};
pub use crate::queue::Admission;
use crate::queue::{Canceled, Job, Queue};
use crate::ticker::{Next, Ticker};

/// Stack of a thread beside what guests may use: host functions and the way into the guest.
const HOST_STACK_BYTES: usize = 1 << 20;

/// How long a thread that goes on with quick calls keeps quiet about an outcome.
const QUIET_FOR: Duration = Duration::from_micros(200);

/// What came of one submitted call.
pub struct Outcome {
    /// The number that the caller gave the call.
    pub id: u64,
    /// How long it waited for its turn.
    pub queued: Duration,
    /// The result, the log and the costs.
    pub report: Report,
}

/// A count of what the pool holds.
#[derive(Clone, Copy, Debug)]
pub struct PoolStats {
    /// Threads in all.
    pub threads: usize,
    /// Calls that run.
    pub running: usize,
    /// Calls that wait.
    pub queued: usize,
}

/// Where outcomes go. Both are called on the pool's threads, on the ticker's, and on the thread of
/// whoever submits, cancels or closes; they must be quick.
pub trait Outlet: Send + Sync {
    /// Takes an outcome, which need not be looked at before [`Outlet::wake`].
    fn put(&self, outcome: Outcome);
    /// Makes sure that somebody looks. Called often when there is nothing new.
    fn wake(&self) {}
}

impl<F: Fn(Outcome) + Send + Sync> Outlet for F {
    fn put(&self, outcome: Outcome) {
        self(outcome);
    }
}

struct Work {
    module: Arc<LoadedModule>,
    request: Arc<CallRequest>,
}

/// The queue, and the threads that found nothing in it.
struct State {
    queue: Queue<Work>,
    /// Threads that sleep; the last to lie down is woken first, since its caches are warmest.
    sleeping: Vec<Thread>,
    /// Threads that were woken or started and have not looked at the queue yet.
    looking: usize,
}

struct Shared {
    engines: Arc<Engines>,
    state: Mutex<State>,
    outlet: Arc<dyn Outlet>,
}

/// Threads that run calls. Every submitted call comes back as exactly one [`Outcome`].
pub struct Pool {
    shared: Arc<Shared>,
    ticker: Ticker,
    threads: Mutex<Vec<JoinHandle<()>>>,
    size: usize,
}

impl Pool {
    /// Starts one thread for each of the engines' slots, whichever of them calls run on.
    pub fn start(engines: Arc<Engines>, outlet: Arc<dyn Outlet>) -> std::io::Result<Self> {
        let options = *engines.plain().options();
        let size = options.slots as usize;
        let shared = Arc::new(Shared {
            engines,
            state: Mutex::new(State {
                queue: Queue::new(size),
                sleeping: Vec::with_capacity(size),
                looking: size,
            }),
            outlet,
        });
        let ticked = Arc::downgrade(&shared);
        let ticker =
            Ticker::start(move || ticked.upgrade().map_or(Next::Never, |shared| shared.tick()))?;
        // Dropped when a thread cannot be had, it ends those that there are.
        let pool = Pool {
            shared,
            ticker,
            threads: Mutex::default(),
            size,
        };
        for number in 0..size {
            let shared = pool.shared.clone();
            let thread = thread::Builder::new()
                .name(format!("wasmhook-call-{number}"))
                .stack_size(options.stack_bytes + HOST_STACK_BYTES)
                .spawn(move || shared.work())?;
            pool.threads().push(thread);
        }
        Ok(pool)
    }

    /// Queues a call. A thread that is awake may take it at once; [`Pool::begin_submitted`] sees
    /// to it that one is.
    pub fn submit(&self, id: u64, module: Arc<LoadedModule>, request: Arc<CallRequest>) {
        let admission = request.profile.admission;
        let work = Work { module, request };
        let job = Job {
            id,
            admission,
            queued_at: Instant::now(),
            work,
        };
        let refused = self.shared.lock().queue.push(job);
        if let Some((job, failure)) = refused {
            self.shared.give_up(job, failure);
        }
    }

    /// Wakes threads for what was submitted: once after a number of calls, not for each.
    pub fn begin_submitted(&self) {
        self.shared.wake_threads(Instant::now());
        self.ticker.wake();
    }

    /// Cancels a call that waits or runs; `false` when it has ended already. A waiting call ends
    /// at once, a running one at its next look at the clock.
    pub fn cancel(&self, id: u64) -> bool {
        let canceled = self.shared.lock().queue.cancel(id);
        match canceled {
            Canceled::Waiting(job) => {
                self.shared.give_up(job, canceled_before_it_began());
                true
            }
            Canceled::Running => true,
            Canceled::Unknown => false,
        }
    }

    /// Cancels a call that waits; `false` when it runs or has ended.
    pub fn cancel_waiting(&self, id: u64) -> bool {
        let job = self.shared.lock().queue.cancel_waiting(id);
        let waited = job.is_some();
        if let Some(job) = job {
            self.shared.give_up(job, canceled_before_it_began());
        }
        waited
    }

    /// A count of what the pool holds.
    pub fn stats(&self) -> PoolStats {
        let state = self.shared.lock();
        PoolStats {
            threads: self.size,
            running: state.queue.running(),
            queued: state.queue.queued(),
        }
    }

    /// Ends every call, waiting or running, without waiting for it.
    pub fn begin_close(&self) {
        let (waiting, sleeping) = {
            let mut state = self.shared.lock();
            state.looking += state.sleeping.len();
            (state.queue.close(), std::mem::take(&mut state.sleeping))
        };
        sleeping.iter().for_each(Thread::unpark);
        for (job, failure) in waiting {
            self.shared.give_up(job, failure);
        }
    }

    /// Ends every call and returns when the threads have ended.
    pub fn close(&self) {
        self.begin_close();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // A thread that panicked has printed so, and there is nobody left to tell.
            let _ = thread.join();
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No step of the queue can panic half way; a poisoned lock says nothing about its content.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does until the pool closes.
    fn work(&self) {
        wasmtime::Engine::tls_eager_initialize();
        // When the first outcome was put that nobody may have looked at yet.
        let mut unseen_since: Option<Instant> = None;
        let mut state = self.lock();
        state.looking -= 1;
        loop {
            let now = Instant::now();
            let quick = state.queue.next_is_quick(now);
            let Some((job, stopper)) = state.queue.take(now) else {
                if state.queue.is_closed() {
                    drop(state);
                    self.outlet.wake();
                    return;
                }
                state = self.sleep(state, unseen_since.take().is_some());
                continue;
            };
            let next = state.thread_to_wake(now);
            drop(state);
            if let Some(thread) = next {
                thread.unpark();
            }
            if unseen_since.is_some_and(|since| !quick || now - since > QUIET_FOR) {
                unseen_since = None;
                self.outlet.wake();
            }
            let Work { module, request } = job.work;
            let report = module.call(request, stopper);
            // Without the lock: the last of a module takes its warm instances along.
            drop(module);
            let ended = Instant::now();
            state = self.lock();
            // Before anybody sees the outcome, or the next call of its caller could find no room.
            state.queue.finish(job.id, job.admission.group, ended);
            self.outlet.put(Outcome {
                id: job.id,
                queued: now - job.queued_at,
                report,
            });
            unseen_since.get_or_insert(ended);
        }
    }

    /// Puts the calling thread to sleep until there may be a call for it.
    fn sleep<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        has_unseen: bool,
    ) -> MutexGuard<'s, State> {
        let me = thread::current();
        let id = me.id();
        state.sleeping.push(me);
        drop(state);
        if has_unseen {
            self.outlet.wake();
        }
        loop {
            thread::park();
            let mut state = self.lock();
            // Threads may wake unasked.
            if !state.sleeping.iter().any(|thread| thread.id() == id) {
                state.looking -= 1;
                return state;
            }
        }
    }

    fn wake_threads(&self, now: Instant) {
        let woken = self.lock().thread_to_wake(now);
        // It wakes the next one, if there is work for it.
        if let Some(thread) = woken {
            thread.unpark();
        }
    }

    /// Moves time forward for guests, expires what waited too long, and makes good what was left to
    /// threads that took longer than expected, and lets go of warm instances whose time is over.
    fn tick(&self) -> Next {
        self.engines.increment_epoch();
        let now = Instant::now();
        let (expired, active, woken) = {
            let mut state = self.lock();
            let expired = state.queue.expire(now);
            let active = state.queue.running() + state.queue.queued() > 0;
            let woken = if state.queue.has_next(now) {
                state.wake_one()
            } else {
                None
            };
            (expired, active, woken)
        };
        if let Some(thread) = woken {
            thread.unpark();
        }
        for (job, failure) in expired {
            self.give_up(job, failure);
        }
        self.outlet.wake();
        let next = self.engines.let_go_of_warm(now);
        if active { Next::Soon } else { next }
    }

    fn give_up(&self, job: Job<Work>, failure: Failure) {
        let queued = job.queued_at.elapsed();
        self.outlet.put(Outcome {
            id: job.id,
            queued,
            report: Report::failed(failure),
        });
        self.outlet.wake();
    }
}

impl State {
    fn thread_to_wake(&mut self, now: Instant) -> Option<Thread> {
        if self.sleeping.is_empty() || !self.queue.needs_thread(self.looking, now) {
            return None;
        }
        self.wake_one()
    }

    /// The caller unparks it, best without the lock.
    fn wake_one(&mut self) -> Option<Thread> {
        let thread = self.sleeping.pop()?;
        self.looking += 1;
        Some(thread)
    }
}

fn canceled_before_it_began() -> Failure {
    Failure::new(Code::Canceled, "The call was canceled.")
}
