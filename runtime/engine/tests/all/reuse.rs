//! Instances that serve several calls: what they carry from one to the next, what retires them, and
//! the places that they take.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use wasmhook_engine::call::{CallRequest, Profile};
use wasmhook_engine::engines::Engines;
use wasmhook_engine::host::deadline::Stopper;
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::{Admission, Outcome, Pool};
use wasmhook_engine::warm::{Reuse, WARM_INSTANCES_MAX};

use crate::guest::{Guest, LIMITS, OPTIONS, from_text, on};

const AGE: Duration = Duration::from_secs(600);

/// Counts its calls in a global.
const COUNTER: &str = r#"(module
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "calls") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))
  (func (export "spin") (loop (br 0))))"#;

/// What an owner settled who lets instances serve on.
fn reusing() -> Arc<Profile> {
    reusing_for(AGE)
}

fn reusing_for(age: Duration) -> Arc<Profile> {
    let mut profile = Profile::bare(Admission::ALONE, LIMITS);
    profile.reuse = Some(Reuse { calls: 1_000, age });
    Arc::new(profile)
}

/// The text that `function` gives.
fn text(guest: &Guest, profile: &Arc<Profile>, function: &str) -> String {
    let request = CallRequest {
        profile: profile.clone(),
        ..CallRequest::bare(function, LIMITS)
    };
    let report = guest.module.call(Arc::new(request), Stopper::default());
    let output = report.result;
    let output = output.unwrap_or_else(|failure| panic!("{function}: {failure:?}"));
    String::from_utf8(output.bytes).unwrap()
}

#[test]
fn an_instance_serves_the_calls_of_one_profile() {
    let guest = from_text(COUNTER).unwrap();
    let (one, other) = (reusing(), reusing());
    assert_eq!(text(&guest, &one, "calls"), "1");
    assert_eq!(text(&guest, &one, "calls"), "2");
    assert_eq!(text(&guest, &other, "calls"), "1");
    assert_eq!(text(&guest, &one, "calls"), "3");
}

#[test]
fn instances_that_are_let_go_of_take_no_place_from_those_that_run_or_wait() {
    let engines = Engines::new(OPTIONS).unwrap();
    let waiting = engines.plain().warm();
    let guest = on(engines.plain(), &wat::parse_str(COUNTER).unwrap()).unwrap();
    let fill = || {
        while waiting.len() < WARM_INSTANCES_MAX {
            assert_eq!(text(&guest, &reusing(), "calls"), "1");
        }
    };
    fill();
    let expired = waiting.take_expired(Instant::now() + AGE).unwrap();
    let unloaded = waiting.take_of(expired.module).unwrap();
    fill();
    // These stand for calls: they hold their places as an instance does that runs.
    let others = OPTIONS.slots as usize - 1;
    let running: Vec<_> = (0..others)
        .map(|_| waiting.take_of(expired.module).unwrap())
        .collect();
    fill();
    assert_eq!(text(&guest, &reusing(), "calls"), "1");
    drop((expired, unloaded, running));
}

#[test]
fn the_ticker_lets_go_of_all_whose_time_is_over() {
    let engines = Arc::new(Engines::new(OPTIONS).unwrap());
    // Much to be wiped, so that one tick is not enough.
    let filled = r#"(module (memory (export "memory") 20)
      (func (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 1000000))))"#;
    let guest = on(engines.plain(), &wat::parse_str(filled).unwrap()).unwrap();
    for _instance in 0..WARM_INSTANCES_MAX {
        text(&guest, &reusing_for(Duration::from_secs(1)), "fill");
    }
    let _pool = Pool::start(engines.clone(), Arc::new(|_outcome: Outcome| {})).unwrap();
    while !engines.plain().warm().is_empty() {
        thread::yield_now();
    }
}

#[test]
fn references_that_a_guest_never_gives_back_fail_no_later_call() {
    // With reference types a guest drops a reference without a word to the host.
    let guest = from_text(
        r#"(module
          (import "wbg" "__wbindgen_string_new"
            (func $text (param i32 i32) (result externref)))
          (memory (export "memory") 20)
          (table (export "__wbindgen_externrefs") 4 externref)
          (global $calls (mut i32) (i32.const 0))
          (func $counted (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (global.get $calls))
          (func (export "long") (result i32)
            (drop (call $text (i32.const 0) (i32.const 1000000)))
            (call $counted))
          (func (export "many") (result i32) (local $left i32)
            (local.set $left (i32.const 10000))
            (loop $more
              (drop (call $text (i32.const 0) (i32.const 1)))
              (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $counted)))"#,
    )
    .unwrap();
    for function in ["long", "many"] {
        let profile = reusing();
        let calls: Vec<_> = (0..40).map(|_| text(&guest, &profile, function)).collect();
        assert_eq!(calls[1], "2", "{function}: the instance serves on at first");
    }
}

#[test]
fn a_clock_that_only_goes_forward_does_so_from_call_to_call() {
    let guest = from_text(
        r#"(module
          (import "wasi_snapshot_preview1" "clock_time_get"
            (func $clock (param i32 i64 i32) (result i32)))
          (memory (export "memory") 1)
          (func $now (result i64)
            (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
            (i64.load (i32.const 8)))
          (global $last (mut i64) (i64.const 0))
          (func (export "begin") (result i32)
            (loop $on (br_if $on (i64.lt_u (call $now) (i64.const 20000000))))
            (global.set $last (call $now))
            (i32.const 1))
          (func (export "is_later") (result i32)
            (i64.ge_u (call $now) (global.get $last))))"#,
    )
    .unwrap();
    let profile = reusing();
    text(&guest, &profile, "begin");
    assert_eq!(text(&guest, &profile, "is_later"), "1");
}

#[test]
fn a_result_is_not_lost_to_a_guest_that_does_not_take_its_block_back() {
    for free in ["(loop (br 0))", "unreachable"] {
        let guest = from_text(&format!(
            r#"(module
              (memory (export "memory") 1)
              (data (i32.const 64) "hello")
              (global $calls (mut i32) (i32.const 0))
              (func (export "__wbindgen_malloc") (param i32) (result i32) (i32.const 1024))
              (func (export "__wbindgen_free") (param i32 i32) {free})
              (func (export "say") (result i32 i32)
                (i32.store8 (i32.const 64) (i32.add (i32.load8_u (i32.const 64)) (global.get $calls)))
                (global.set $calls (i32.const 1))
                (i32.const 64) (i32.const 5)))"#
        ))
        .unwrap();
        let profile = reusing();
        for _call in 0..2 {
            assert_eq!(text(&guest, &profile, "say"), "hello", "{free}");
        }
    }
}

#[test]
fn a_module_that_nobody_has_any_more_is_gone_with_its_instances_before_its_last_outcome() {
    let engines = Arc::new(Engines::new(OPTIONS).unwrap());
    let engine = engines.plain();
    let guest = on(engine, &wat::parse_str(COUNTER).unwrap()).unwrap();
    for profile in [reusing(), reusing()] {
        text(&guest, &profile, "calls");
    }
    let (sender, outcomes) = mpsc::sync_channel(1);
    let waiting = engines.clone();
    let deliver = move |_outcome: Outcome| sender.send(waiting.plain().warm().len()).unwrap();
    let pool = Pool::start(engines.clone(), Arc::new(deliver)).unwrap();
    let limits = CallLimits {
        timeout_ms: 600_000,
        ..LIMITS
    };
    let admission = Admission {
        concurrency: 1,
        queue_length: 1,
        queue_wait: AGE,
        ..Admission::ALONE
    };
    let request = CallRequest {
        profile: Arc::new(Profile::bare(admission, limits)),
        ..CallRequest::bare("spin", limits)
    };
    pool.submit(1, Arc::new(guest.module), Arc::new(request));
    pool.begin_submitted();
    while pool.stats().running == 0 {
        thread::yield_now();
    }
    assert_eq!(engine.warm().len(), 2);
    assert!(pool.cancel(1));
    assert_eq!(outcomes.recv_timeout(Duration::from_secs(60)), Ok(0));
}
