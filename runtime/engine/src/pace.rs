//! How long the calls of a group took lately, which tells what threads the next one may have.

use std::time::{Duration, Instant};

/// Calls up to this long are short: a thread that runs one is soon free again.
pub const SHORT: Duration = Duration::from_millis(100);
/// Calls up to this long are quick: waking a thread costs about as much as one of them takes.
pub const QUICK: Duration = Duration::from_micros(250);
/// The newest call's part of the average is one in this many, so that one slow call among quick
/// ones is forgotten after a dozen.
const NEWEST_SHARE: u32 = 4;

/// The decayed average of a group's calls, and the calls that run.
#[derive(Default)]
pub struct Pace {
    average: Option<Duration>,
    running: Vec<(u64, Instant)>,
}

impl Pace {
    /// The number of calls that run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// A call begins.
    pub fn begin(&mut self, id: u64, now: Instant) {
        self.running.push((id, now));
    }

    /// A call has ended.
    pub fn end(&mut self, id: u64, now: Instant) {
        let Some(place) = self.running.iter().position(|(each, _)| *each == id) else {
            return;
        };
        let (_, began) = self.running.swap_remove(place);
        let took = now.saturating_duration_since(began);
        self.average = Some(match self.average {
            Some(average) => (average * (NEWEST_SHARE - 1) + took) / NEWEST_SHARE,
            None => took,
        });
    }

    /// What the next call takes, where calls are known to be quick and none that runs is not.
    pub fn quick(&self, now: Instant) -> Option<Duration> {
        let average = self.average.filter(|average| *average <= QUICK)?;
        let so_far = |began: &Instant| now.saturating_duration_since(*began);
        let all_quick = self.running.iter().all(|(_, began)| so_far(began) <= QUICK);
        all_quick.then_some(average)
    }

    /// Whether calls are short as far as anybody knows; a running one counts with its time so far.
    pub fn is_short(&self, now: Instant) -> bool {
        let so_far = |began: &Instant| now.saturating_duration_since(*began);
        self.average.is_none_or(|average| average <= SHORT)
            && self.running.iter().all(|(_, began)| so_far(began) <= SHORT)
    }
}
