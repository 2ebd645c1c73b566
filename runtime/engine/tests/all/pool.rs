//! The pool: that groups do not hold each other up, and that every call comes back once.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmhook_engine::artefact;
use wasmhook_engine::call::{CallRequest, LoadedModule, Profile};
use wasmhook_engine::engine::EngineOptions;
use wasmhook_engine::engines::Engines;
use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::{Admission, Outcome, Pool};
use wasmtime::Module;

use crate::guest::LIMITS;

const GUEST: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "answer") (result i32) (i32.const 42))
  (func (export "spin") (loop (br 0))))"#;
const FOREVER: CallLimits = CallLimits {
    timeout_ms: 600_000,
    ..LIMITS
};

struct Fixture {
    pool: Pool,
    module: Arc<LoadedModule>,
    outcomes: Receiver<Outcome>,
}

impl Fixture {
    fn new(slots: u32) -> Self {
        let engines = Arc::new(
            Engines::new(EngineOptions {
                slots,
                memory_max_bytes: 16 << 20,
                table_max_elements: 10_000,
                stack_bytes: 512 << 10,
                pagemap_scan: false,
            })
            .unwrap(),
        );
        let engine = engines.plain();
        let compiled = artefact::compile(engine, &wat::parse_str(GUEST).unwrap()).unwrap();
        // SAFETY: the line above made these bytes.
        let module = unsafe { Module::deserialize(engine.inner(), &compiled.bytes) }.unwrap();
        let module = Arc::new(LoadedModule::new(engine, &module, compiled.interface).unwrap());
        let (sender, outcomes) = channel();
        let sender = Mutex::new(sender);
        let deliver = move |outcome| {
            // The test may have ended and not care any more.
            let _ = sender.lock().unwrap().send(outcome);
        };
        let pool = Pool::start(engines.clone(), Arc::new(deliver)).unwrap();
        Fixture {
            pool,
            module,
            outcomes,
        }
    }

    fn submit(&self, id: u64, function: &str, limits: CallLimits, admission: Admission) {
        let request = CallRequest {
            profile: Arc::new(Profile::bare(admission, limits)),
            ..CallRequest::bare(function, limits)
        };
        self.pool.submit(id, self.module.clone(), Arc::new(request));
        self.pool.begin_submitted();
    }

    fn next(&self) -> (u64, Option<Code>) {
        let outcome = self.outcomes.recv_timeout(Duration::from_secs(60)).unwrap();
        (
            outcome.id,
            outcome.report.result.err().map(|failure| failure.code),
        )
    }
}

fn group(group: u64) -> Admission {
    let queue_wait = Duration::from_secs(600);
    Admission {
        group,
        concurrency: 2,
        queue_length: 1_000,
        queue_wait,
    }
}

#[test]
fn another_group_is_answered_while_a_hundred_calls_of_one_spin() {
    let fixture = Fixture::new(4);
    for id in 0..100 {
        fixture.submit(id, "spin", FOREVER, group(1));
    }
    for id in 100..110 {
        fixture.submit(id, "answer", LIMITS, group(2));
        assert_eq!(fixture.next(), (id, None));
    }
    assert_eq!(fixture.pool.stats().queued, 98);
    for id in 0..100 {
        assert!(fixture.pool.cancel(id));
    }
    let mut ended: Vec<u64> = (0..100)
        .map(|_| fixture.next())
        .inspect(|(_, code)| assert_eq!(*code, Some(Code::Canceled)))
        .map(|(id, _)| id)
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, (0..100).collect::<Vec<_>>());
}

#[test]
fn each_spinning_call_ends_with_its_time_limit() {
    let fixture = Fixture::new(2);
    for id in 0..20 {
        fixture.submit(
            id,
            "spin",
            CallLimits {
                timeout_ms: 20,
                ..LIMITS
            },
            group(id % 3),
        );
    }
    for _ in 0..20 {
        assert_eq!(fixture.next().1, Some(Code::RunTimeout));
    }
}

#[test]
fn what_waits_longer_than_allowed_is_given_up() {
    let fixture = Fixture::new(1);
    fixture.submit(1, "spin", FOREVER, group(1));
    let impatient = Admission {
        queue_wait: Duration::from_millis(5),
        ..group(1)
    };
    fixture.submit(2, "answer", LIMITS, impatient);
    assert_eq!(fixture.next(), (2, Some(Code::QueueTimeout)));
    fixture.submit(
        3,
        "answer",
        LIMITS,
        Admission {
            queue_length: 0,
            ..group(1)
        },
    );
    assert_eq!(fixture.next(), (3, Some(Code::QueueFull)));
    assert!(fixture.pool.cancel(1));
    assert_eq!(fixture.next(), (1, Some(Code::Canceled)));
}

#[test]
fn closing_ends_what_runs_and_what_waits() {
    let fixture = Fixture::new(1);
    fixture.submit(1, "spin", FOREVER, group(1));
    fixture.submit(2, "spin", FOREVER, group(1));
    fixture.pool.close();
    let mut ended = [fixture.next(), fixture.next()];
    ended.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(ended, [(1, Some(Code::Closed)), (2, Some(Code::Closed))]);
    fixture.submit(3, "answer", LIMITS, group(1));
    assert_eq!(fixture.next(), (3, Some(Code::Closed)));
}

#[test]
fn many_calls_on_few_slots_leave_no_slot_behind() {
    let fixture = Fixture::new(2);
    for id in 0..2_000 {
        fixture.submit(
            id,
            "answer",
            LIMITS,
            Admission {
                queue_length: 2_000,
                ..group(id % 7)
            },
        );
    }
    for _ in 0..2_000 {
        assert_eq!(fixture.next().1, None);
    }
    let stats = fixture.pool.stats();
    assert_eq!((stats.running, stats.queued), (0, 0));
}
