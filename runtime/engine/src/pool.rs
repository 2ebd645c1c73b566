//! The threads that calls run on, and the queue in front of them.
//!
//! Waiting calls are taken in turn from group to group (a group is an executable), first come
//! first served within one. A group runs at most so many calls at once, and the last free threads
//! are kept for groups that run nothing and whose recent calls were short: groups that spin, one
//! or many, hold up nobody else once they are known for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::call::{CallRequest, LoadedModule, Report};
use crate::engines::Engines;
use crate::error::{Code, Failure};
pub use crate::queue::Admission;
use crate::queue::{Canceled, Job, Queue};
use crate::ticker::Ticker;

/// Stack of a thread beside what guests may use: host functions and the way into the guest.
const HOST_STACK_BYTES: usize = 1 << 20;

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

struct Work {
    module: Arc<LoadedModule>,
    request: Arc<CallRequest>,
}

struct Shared {
    engines: Arc<Engines>,
    queue: Mutex<Queue<Work>>,
    work: Condvar,
    deliver: Box<dyn Fn(Outcome) + Send + Sync>,
}

/// Threads that run calls. Every submitted call comes back as exactly one [`Outcome`].
pub struct Pool {
    shared: Arc<Shared>,
    ticker: Ticker,
    threads: Mutex<Vec<JoinHandle<()>>>,
    size: usize,
}

impl Pool {
    /// Starts one thread for each of the engines' slots, whichever of them calls run on. `deliver` is called on them, on the
    /// ticker's, or on the thread of whoever submits, cancels or closes; it must be quick.
    pub fn start(
        engines: Arc<Engines>,
        deliver: impl Fn(Outcome) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let options = *engines.plain().options();
        let size = options.slots as usize;
        let shared = Arc::new(Shared {
            engines,
            queue: Mutex::new(Queue::new(size)),
            work: Condvar::new(),
            deliver: Box::new(deliver),
        });
        let ticked = Arc::downgrade(&shared);
        let ticker = Ticker::start(move || ticked.upgrade().is_some_and(|shared| shared.tick()))?;
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

    /// Queues a call.
    pub fn submit(
        &self,
        id: u64,
        module: Arc<LoadedModule>,
        request: Arc<CallRequest>,
        admission: Admission,
    ) {
        let work = Work { module, request };
        let job = Job {
            id,
            admission,
            queued_at: Instant::now(),
            work,
        };
        let refused = self.shared.lock().push(job);
        match refused {
            None => {
                self.shared.work.notify_one();
                self.ticker.wake();
            }
            Some((job, failure)) => self.shared.give_up(job, failure),
        }
    }

    /// Cancels a call that waits or runs; `false` when it has ended already. A waiting call ends
    /// at once, a running one at its next look at the clock.
    pub fn cancel(&self, id: u64) -> bool {
        let canceled = self.shared.lock().cancel(id);
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
        let job = self.shared.lock().cancel_waiting(id);
        let waited = job.is_some();
        if let Some(job) = job {
            self.shared.give_up(job, canceled_before_it_began());
        }
        waited
    }

    /// A count of what the pool holds.
    pub fn stats(&self) -> PoolStats {
        let queue = self.shared.lock();
        PoolStats {
            threads: self.size,
            running: queue.running(),
            queued: queue.queued(),
        }
    }

    /// Ends every call, waiting or running, without waiting for it.
    pub fn begin_close(&self) {
        let waiting = self.shared.lock().close();
        self.shared.work.notify_all();
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
    fn lock(&self) -> MutexGuard<'_, Queue<Work>> {
        // No step of the queue can panic half way; a poisoned lock says nothing about its content.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does until the pool closes.
    fn work(&self) {
        wasmtime::Engine::tls_eager_initialize();
        let mut queue = self.lock();
        loop {
            let Some((job, stopper)) = queue.take(Instant::now()) else {
                if queue.is_closed() {
                    return;
                }
                queue = self
                    .work
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let more = queue.has_next(Instant::now());
            drop(queue);
            if more {
                // An end can let two calls start: the one just taken and one of a group that now
                // runs nothing.
                self.work.notify_one();
            }
            let queued = job.queued_at.elapsed();
            let report = job.work.module.call(job.work.request, stopper);
            let ended = Instant::now();
            self.lock().finish(job.id, job.admission.group, ended);
            (self.deliver)(Outcome {
                id: job.id,
                queued,
                report,
            });
            queue = self.lock();
        }
    }

    /// Moves time forward for guests and expires what waited too long; `true` while there is
    /// anything to tick for.
    fn tick(&self) -> bool {
        self.engines.increment_epoch();
        let (expired, active) = {
            let mut queue = self.lock();
            (
                queue.expire(Instant::now()),
                queue.running() + queue.queued() > 0,
            )
        };
        for (job, failure) in expired {
            self.give_up(job, failure);
        }
        active
    }

    fn give_up(&self, job: Job<Work>, failure: Failure) {
        let queued = job.queued_at.elapsed();
        (self.deliver)(Outcome {
            id: job.id,
            queued,
            report: Report::failed(failure),
        });
    }
}

fn canceled_before_it_began() -> Failure {
    Failure::new(Code::Canceled, "The call was canceled.")
}
