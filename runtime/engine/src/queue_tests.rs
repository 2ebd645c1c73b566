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
    std::iter::from_fn(|| queue.take())
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
    assert!(!queue.has_next());
    push(&mut queue, job(5, 2, 99));
    assert_eq!(take_all(&mut queue), [5]);
    queue.finish(1, 1);
    assert!(
        !queue.has_next(),
        "the thread that came free is the kept one"
    );
    queue.finish(5, 2);
    assert_eq!(take_all(&mut queue), [4]);
}

#[test]
fn a_group_runs_no_more_calls_at_once_than_it_may() {
    let mut queue = Queue::new(8);
    for id in 1..=3 {
        push(&mut queue, job(id, 1, 2));
    }
    assert_eq!(take_all(&mut queue), [1, 2]);
    queue.finish(2, 1);
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
    assert_eq!(queue.take().map(|(job, _)| job.id), Some(1));
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
    let (_, stopper) = queue.take().unwrap();
    assert!(matches!(queue.cancel(2), Canceled::Waiting(job) if job.id == 2));
    assert!(matches!(queue.cancel(1), Canceled::Running));
    assert_eq!(
        stopper.failure().map(|failure| failure.code),
        Some(Code::Canceled)
    );
    queue.finish(1, 1);
    assert!(matches!(queue.cancel(1), Canceled::Unknown));
    assert!(queue.groups.is_empty() && queue.rotation.is_empty());
}

#[test]
fn a_closed_queue_takes_nothing_in() {
    let mut queue = Queue::new(1);
    push(&mut queue, job(1, 1, 1));
    assert_eq!(queue.close().len(), 1);
    assert_eq!(push(&mut queue, job(2, 1, 1)), Some(Code::Closed));
}
