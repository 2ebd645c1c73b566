//! The rules of the queue, on jobs that do nothing.

use super::*;

fn job(id: u64, group: u64, concurrency: usize) -> Job<()> {
    let queue_wait = Duration::from_secs(1);
    let admission = Admission {
        group,
        concurrency,
        queue_length: 3,
        queue_wait,
    };
    Job {
        id,
        admission,
        queued_at: Instant::now(),
        work: (),
    }
}

fn push(queue: &mut Queue<()>, job: Job<()>) -> Option<Code> {
    queue.push(job).map(|(_, failure)| failure.code)
}

fn take_all(queue: &mut Queue<()>) -> Vec<u64> {
    let now = Instant::now();
    std::iter::from_fn(|| queue.take(now))
        .map(|(job, _)| job.id)
        .collect()
}

#[test]
fn groups_take_turns_and_each_keeps_its_order() {
    let mut queue = Queue::new(8);
    for (id, group) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)] {
        assert_eq!(push(&mut queue, job(id, group, 8)), None);
    }
    assert_eq!(take_all(&mut queue), [1, 4, 2, 5, 3]);
}

#[test]
fn the_last_threads_are_kept_for_groups_that_run_nothing() {
    let mut queue = Queue::new(4);
    for id in 1..=3 {
        push(&mut queue, job(id, 1, 99));
    }
    assert_eq!(take_all(&mut queue), [1, 2, 3]);
    push(&mut queue, job(4, 1, 99));
    assert!(!queue.has_next(Instant::now()));
    push(&mut queue, job(5, 2, 99));
    assert_eq!(take_all(&mut queue), [5]);
    queue.finish(1, 1, Instant::now());
    assert!(
        !queue.has_next(Instant::now()),
        "the thread that came free is the kept one"
    );
    queue.finish(5, 2, Instant::now());
    assert_eq!(take_all(&mut queue), [4]);
}

#[test]
fn a_group_runs_no_more_calls_at_once_than_it_may() {
    let mut queue = Queue::new(8);
    for id in 1..=3 {
        push(&mut queue, job(id, 1, 2));
    }
    assert_eq!(take_all(&mut queue), [1, 2]);
    queue.finish(2, 1, Instant::now());
    assert_eq!(take_all(&mut queue), [3]);
}

#[test]
fn a_full_group_refuses_and_others_do_not() {
    let mut queue = Queue::new(1);
    for id in 1..=3 {
        assert_eq!(push(&mut queue, job(id, 1, 1)), None);
    }
    assert_eq!(push(&mut queue, job(4, 1, 1)), Some(Code::QueueFull));
    assert_eq!(push(&mut queue, job(5, 2, 1)), None);
}

#[test]
fn what_waits_too_long_expires_in_order_and_what_runs_does_not() {
    let mut queue = Queue::new(1);
    for (id, group) in [(1, 1), (2, 2), (3, 1)] {
        push(&mut queue, job(id, group, 1));
    }
    assert_eq!(queue.take(Instant::now()).map(|(job, _)| job.id), Some(1));
    assert!(queue.expire(Instant::now()).is_empty());
    let expired = queue.expire(Instant::now() + Duration::from_secs(2));
    let ids: Vec<u64> = expired.iter().map(|(job, _)| job.id).collect();
    assert_eq!(ids, [2, 3]);
    assert_eq!((queue.running(), queue.queued()), (1, 0));
}

#[test]
fn a_cancellation_takes_out_what_waits_and_signals_what_runs() {
    let mut queue = Queue::new(1);
    push(&mut queue, job(1, 1, 1));
    push(&mut queue, job(2, 1, 1));
    let (_, stopper) = queue.take(Instant::now()).unwrap();
    assert!(matches!(queue.cancel(2), Canceled::Waiting(job) if job.id == 2));
    assert!(matches!(queue.cancel(1), Canceled::Running));
    assert_eq!(
        stopper.failure().map(|failure| failure.code),
        Some(Code::Canceled)
    );
    queue.finish(1, 1, Instant::now());
    assert!(matches!(queue.cancel(1), Canceled::Unknown));
    assert!(queue.rotation.is_empty() && queue.waiting.is_empty());
}

#[test]
fn a_closed_queue_takes_nothing_in() {
    let mut queue = Queue::new(1);
    push(&mut queue, job(1, 1, 1));
    assert_eq!(queue.close().len(), 1);
    assert_eq!(push(&mut queue, job(2, 1, 1)), Some(Code::Closed));
}

/// A queue of four threads in which a call of each of groups 1 to 4 ran for a second.
fn after_long_calls() -> (Queue<()>, Instant) {
    let mut queue = Queue::new(4);
    let begin = Instant::now();
    let end = begin + Duration::from_secs(1);
    for group in 1..=4 {
        push(&mut queue, job(group, group, 4));
    }
    while queue.take(begin).is_some() {}
    for group in 1..=4 {
        queue.finish(group, group, end);
    }
    (queue, end)
}

#[test]
fn groups_known_for_long_calls_leave_the_kept_thread_to_another() {
    let (mut queue, now) = after_long_calls();
    for group in 1..=4 {
        push(&mut queue, job(10 + group, group, 4));
    }
    assert_eq!(take_all(&mut queue), [11, 12, 13]);
    push(&mut queue, job(20, 5, 4));
    assert_eq!(take_all(&mut queue), [20]);
    queue.finish(20, 5, now);
    assert!(
        !queue.has_next(now),
        "the fourth waits for a thread that is not kept"
    );
}

#[test]
fn a_group_is_short_again_after_some_short_calls() {
    let (mut queue, _) = after_long_calls();
    for id in 10..20 {
        push(&mut queue, job(id, 1, 4));
        assert_eq!(take_all(&mut queue), [id]);
        queue.finish(id, 1, Instant::now());
    }
    for group in 2..=4 {
        push(&mut queue, job(20 + group, group, 4));
    }
    assert_eq!(take_all(&mut queue), [22, 23, 24]);
    push(&mut queue, job(30, 1, 4));
    assert_eq!(take_all(&mut queue), [30]);
}

#[test]
fn a_running_call_counts_with_its_time_so_far() {
    let mut pace = Pace::default();
    let now = Instant::now();
    pace.begin(1, now);
    assert!(pace.is_short(now));
    assert!(!pace.is_short(now + Duration::from_secs(1)));
}

#[test]
fn a_call_that_may_not_wait_starts_where_a_thread_is_free_for_it() {
    let mut queue = Queue::new(4);
    for id in 1..=3 {
        push(&mut queue, job(id, 1, 2));
        push(&mut queue, job(10 + id, 2, 1));
    }
    assert_eq!(take_all(&mut queue), [1, 11, 2]);
    // Groups 1 and 2 wait and may not start; the one free thread is group 3's to have.
    let mut impatient = job(20, 3, 1);
    impatient.admission.queue_length = 0;
    assert_eq!(push(&mut queue, impatient), None);
    let mut next = job(21, 4, 1);
    next.admission.queue_length = 0;
    assert_eq!(push(&mut queue, next), Some(Code::QueueFull));
}

#[test]
fn a_queue_remembers_a_bounded_number_of_groups() {
    let mut queue = Queue::new(1);
    for id in 0..GROUPS_REMEMBERED_MAX as u64 + 5 {
        push(&mut queue, job(id, id, 1));
        assert_eq!(take_all(&mut queue), [id]);
        queue.finish(id, id, Instant::now());
    }
    assert!(queue.groups.len() <= GROUPS_REMEMBERED_MAX);
}
