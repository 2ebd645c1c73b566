//! Whose turn it is: the calls that wait and the calls that run, without threads or clocks.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::{Code, Failure};
use crate::host::deadline::Stopper;
use crate::pace::Pace;

/// Of the threads, this part is kept for groups that run nothing and whose calls are short.
const RESERVED_SHARE: usize = 4;
/// How much work of quick calls is left to each thread that will soon be free, before another thread
/// is woken for it.
const LEFT_TO_A_THREAD: Duration = Duration::from_micros(500);
/// Groups that are remembered for their pace. Past it those that do nothing are forgotten, which
/// costs a thread one long call of each.
const GROUPS_REMEMBERED_MAX: usize = 10_000;

/// Where a call belongs and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// The group whose calls share the limits below.
    pub group: u64,
    /// Calls of the group that run at once.
    pub concurrency: usize,
    /// Calls of the group that wait.
    pub queue_length: usize,
    /// How long a call waits for its turn.
    pub queue_wait: Duration,
}

impl Admission {
    /// Of a call that nobody else's calls meet.
    pub const ALONE: Admission = Admission {
        group: 0,
        concurrency: 1,
        queue_length: 1,
        queue_wait: Duration::MAX,
    };
}

/// A call and the work that it stands for.
pub struct Job<W> {
    /// The number that the caller gave the call.
    pub id: u64,
    /// Where it belongs.
    pub admission: Admission,
    /// When it was submitted.
    pub queued_at: Instant,
    /// What to do.
    pub work: W,
}

impl<W> Job<W> {
    fn expires_at(&self) -> Option<Instant> {
        self.queued_at.checked_add(self.admission.queue_wait)
    }
}

/// What a cancellation met.
pub enum Canceled<W> {
    /// A call that waited; it is out of the queue now.
    Waiting(Job<W>),
    /// A call that runs; it was told to end.
    Running,
    /// Nothing: the call has ended, or there was none.
    Unknown,
}

struct Group<W> {
    waiting: VecDeque<Job<W>>,
    pace: Pace,
}

impl<W> Group<W> {
    /// Whether a call may start while `free` threads are, of which `reserved` are kept.
    fn may_start(&self, concurrency: usize, free: usize, reserved: usize, now: Instant) -> bool {
        let running = self.pace.running();
        let spares_the_kept = free > reserved;
        let may_have_a_kept = running == 0 && self.pace.is_short(now);
        free > 0 && running < concurrency.max(1) && (spares_the_kept || may_have_a_kept)
    }
}

struct Running {
    id: u64,
    group: u64,
    stopper: Stopper,
}

/// The calls that wait and run.
pub struct Queue<W> {
    groups: HashMap<u64, Group<W>>,
    /// The groups that have calls waiting, the next one first.
    rotation: VecDeque<u64>,
    waiting: HashMap<u64, u64>,
    /// Never more than there are threads.
    running: Vec<Running>,
    free: usize,
    reserved: usize,
    /// No waiting call expires before this.
    next_expiry: Option<Instant>,
    closed: bool,
}

impl<W> Queue<W> {
    /// An empty queue for `threads` threads.
    pub fn new(threads: usize) -> Self {
        Queue {
            groups: HashMap::new(),
            rotation: VecDeque::new(),
            waiting: HashMap::new(),
            running: Vec::with_capacity(threads),
            free: threads,
            reserved: if threads > 1 {
                (threads / RESERVED_SHARE).max(1)
            } else {
                0
            },
            next_expiry: None,
            closed: false,
        }
    }

    /// Takes a call in; one that cannot wait here is handed back with the reason.
    pub fn push(&mut self, job: Job<W>) -> Option<(Job<W>, Failure)> {
        if self.closed {
            return Some((job, Failure::closed()));
        }
        let Admission {
            group: key,
            queue_length,
            ..
        } = job.admission;
        let waiting = self.groups.get(&key).map_or(0, |group| group.waiting.len());
        if waiting >= queue_length && !(waiting == 0 && self.starts_at_once(&job)) {
            return Some((job, full(queue_length)));
        }
        if !self.groups.contains_key(&key) {
            self.forget_some();
        }
        let group = self.groups.entry(key).or_insert_with(|| Group {
            waiting: VecDeque::new(),
            pace: Pace::default(),
        });
        if let Some(at) = job.expires_at() {
            self.next_expiry = Some(self.next_expiry.map_or(at, |next| next.min(at)));
        }
        if group.waiting.is_empty() {
            self.rotation.push_back(key);
        }
        self.waiting.insert(job.id, key);
        group.waiting.push_back(job);
        None
    }

    /// Whether a thread is free for a call once all that may start before it have started.
    fn starts_at_once(&self, job: &Job<W>) -> bool {
        let (
            Admission {
                concurrency, group, ..
            },
            now,
        ) = (job.admission, job.queued_at);
        let before = self.rotation.iter().filter(|key| self.is_next(**key, now));
        let free = self.free.saturating_sub(before.count());
        match self.groups.get(&group) {
            Some(group) => group.may_start(concurrency, free, self.reserved, now),
            None => free > 0,
        }
    }

    /// The next call to run, for a thread that is free.
    pub fn take(&mut self, now: Instant) -> Option<(Job<W>, Stopper)> {
        let position = self.next_position(now)?;
        let key = self.rotation.remove(position)?;
        let group = self.groups.get_mut(&key)?;
        let job = group.waiting.pop_front()?;
        group.pace.begin(job.id, now);
        if !group.waiting.is_empty() {
            self.rotation.push_back(key);
        }
        self.free -= 1;
        self.waiting.remove(&job.id);
        let stopper = Stopper::default();
        self.running.push(Running {
            id: job.id,
            group: key,
            stopper: stopper.clone(),
        });
        Some((job, stopper))
    }

    /// Whether a free thread would find a call.
    pub fn has_next(&self, now: Instant) -> bool {
        self.next_position(now).is_some()
    }

    /// Whether the next call is a quick one.
    pub fn next_is_quick(&self, now: Instant) -> bool {
        self.next_quick(now).is_some()
    }

    /// Whether a thread that sleeps should be woken. `awake` counts those that look for a call at
    /// this moment. Waking one costs as much as a quick call takes, so a few of these are left to
    /// threads that look already or that run another quick call.
    pub fn needs_thread(&self, awake: usize, now: Instant) -> bool {
        let Some(position) = self.next_position(now) else {
            return false;
        };
        let Some(each) = self.quick_at(position, now) else {
            return true;
        };
        let soon_free = self.running.iter().filter(|running| {
            let group = self.groups.get(&running.group);
            group.is_some_and(|group| group.pace.quick(now).is_some())
        });
        let soon_free = (awake + soon_free.count()) as u32;
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        each.saturating_mul(waiting) > LEFT_TO_A_THREAD.saturating_mul(soon_free)
    }

    fn next_quick(&self, now: Instant) -> Option<Duration> {
        self.quick_at(self.next_position(now)?, now)
    }

    fn quick_at(&self, position: usize, now: Instant) -> Option<Duration> {
        self.groups
            .get(self.rotation.get(position)?)?
            .pace
            .quick(now)
    }

    fn next_position(&self, now: Instant) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        self.rotation.iter().position(|key| self.is_next(*key, now))
    }

    /// Whether the first waiting call of a group may start.
    fn is_next(&self, key: u64, now: Instant) -> bool {
        let group = self.groups.get(&key);
        group.is_some_and(|group| {
            group.waiting.front().is_some_and(|job| {
                group.may_start(job.admission.concurrency, self.free, self.reserved, now)
            })
        })
    }

    /// A call that was taken has ended.
    pub fn finish(&mut self, id: u64, group: u64, now: Instant) {
        self.running.retain(|running| running.id != id);
        self.free += 1;
        if let Some(group) = self.groups.get_mut(&group) {
            group.pace.end(id, now);
        }
    }

    /// Takes out the calls whose wait is over.
    pub fn expire(&mut self, now: Instant) -> Vec<(Job<W>, Failure)> {
        if self.next_expiry.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let jobs = self.remove(|job| job.expires_at().is_some_and(|at| at <= now));
        let left = self.groups.values().flat_map(|group| &group.waiting);
        self.next_expiry = left.filter_map(Job::expires_at).min();
        jobs.into_iter()
            .map(|job| timed_out(job.admission.queue_wait, job))
            .collect()
    }

    /// Takes a waiting call out, or tells a running one to end.
    pub fn cancel(&mut self, id: u64) -> Canceled<W> {
        if let Some(running) = self.running.iter().find(|running| running.id == id) {
            running.stopper.cancel();
            return Canceled::Running;
        }
        self.cancel_waiting(id)
            .map_or(Canceled::Unknown, Canceled::Waiting)
    }

    /// Takes a waiting call out; one that runs goes on.
    pub fn cancel_waiting(&mut self, id: u64) -> Option<Job<W>> {
        let key = self.waiting.get(&id).copied()?;
        let waiting = self.groups.get_mut(&key).map(|group| &mut group.waiting);
        let job = waiting.and_then(|waiting| {
            let position = waiting.iter().position(|job| job.id == id)?;
            waiting.remove(position)
        });
        self.waiting.remove(&id);
        self.leave_rotation_if_empty(key);
        job
    }

    /// Takes nothing in any more, tells what runs to end, and hands out what waits.
    pub fn close(&mut self) -> Vec<(Job<W>, Failure)> {
        self.closed = true;
        self.running
            .iter()
            .for_each(|running| running.stopper.close());
        self.remove(|_| true)
            .into_iter()
            .map(|job| (job, Failure::closed()))
            .collect()
    }

    /// Whether [`Queue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number of calls that run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// The number of calls that wait.
    pub fn queued(&self) -> usize {
        self.waiting.len()
    }

    /// Takes out the waiting calls that `which` picks, oldest first.
    fn remove(&mut self, which: impl Fn(&Job<W>) -> bool) -> Vec<Job<W>> {
        let mut removed = Vec::new();
        for key in self.rotation.clone() {
            let Some(group) = self.groups.get_mut(&key) else {
                continue;
            };
            let (out, kept): (Vec<_>, Vec<_>) = group.waiting.drain(..).partition(&which);
            group.waiting = kept.into();
            removed.extend(out);
            self.leave_rotation_if_empty(key);
        }
        for job in &removed {
            self.waiting.remove(&job.id);
        }
        removed.sort_by_key(|job| job.queued_at);
        removed
    }

    fn leave_rotation_if_empty(&mut self, key: u64) {
        let is_empty = |group: &Group<W>| group.waiting.is_empty();
        if self.groups.get(&key).is_none_or(is_empty) {
            self.rotation.retain(|each| *each != key);
        }
    }

    fn forget_some(&mut self) {
        if self.groups.len() >= GROUPS_REMEMBERED_MAX {
            self.groups
                .retain(|_, group| !group.waiting.is_empty() || group.pace.running() > 0);
        }
    }
}

fn full(queue_length: usize) -> Failure {
    Failure::new(
        Code::QueueFull,
        format!("{queue_length} calls of this function's executable wait already; call later."),
    )
    .with(json!({ "queue_length": queue_length }))
}

fn timed_out<W>(wait: Duration, job: Job<W>) -> (Job<W>, Failure) {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let failure = Failure::new(
        Code::QueueTimeout,
        format!("The call waited {wait_ms} ms for its turn and was given up; call later."),
    )
    .with(json!({ "queue_wait_ms": wait_ms }));
    (job, failure)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
