//! Fuel: that work is counted the same each time, by whatever part of a guest does it, and bounded.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmhook_engine::artefact;
use wasmhook_engine::call::{CallRequest, LoadedModule, Profile, Report};
use wasmhook_engine::engine::Engine;
use wasmhook_engine::engines::Engines;
use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::{Admission, Pool};
use wasmtime::Module;

use crate::guest::{Guest, LIMITS, METERED, NONE, OPTIONS, from_text, metered};

const FUEL: u64 = 10_000;
const METERED_LIMITS: CallLimits = CallLimits {
    fuel: Some(FUEL),
    ..LIMITS
};

/// `count` counts up to its argument, `trap` does so and ends in a trap, `spin` never ends.
const COUNTER: &str = r#"(module
  (memory 1)
  (func $count (export "count") (param i32) (result i32) (local $done i32)
    (loop $again
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $done) (local.get 0))))
    (local.get $done))
  (func (export "trap") (param i32) (result i32)
    (drop (call $count (local.get 0))) unreachable)
  (func (export "divide") (param i32) (result i32)
    (i32.div_u (call $count (local.get 0)) (i32.const 0)))
  (func (export "fill") (param i32) (result i32)
    (memory.fill (i32.const 0) (i32.const 1) (local.get 0)) (i32.const 1))
  (func (export "late") (drop (call $count (i32.const 100))) (loop (br 0)))
  (func (export "spin") (loop (br 0))))"#;

fn run(guest: &Guest, function: &str, input: &[&str]) -> Report {
    guest.call(function, input).limits(METERED_LIMITS).run()
}

fn used(guest: &Guest, function: &str, input: &[&str]) -> u64 {
    let report = run(guest, function, input);
    report.result.unwrap();
    report.fuel_used.unwrap()
}

fn code(report: Report) -> Code {
    report.result.unwrap_err().code
}

#[test]
fn the_same_call_uses_the_same_fuel_and_more_work_more() {
    let guest = metered(COUNTER);
    let hundred = used(&guest, "count", &["100"]);
    assert!(hundred >= 100);
    assert_eq!(used(&guest, "count", &["100"]), hundred);
    let two_hundred = used(&guest, "count", &["200"]);
    assert_eq!(
        two_hundred - hundred,
        used(&guest, "count", &["300"]) - two_hundred
    );
    assert!(two_hundred > hundred);
}

#[test]
fn bulk_operations_cost_by_the_byte() {
    let guest = metered(COUNTER);
    let few = used(&guest, "fill", &["1000"]);
    assert_eq!(used(&guest, "fill", &["2000"]) - few, 1000);
    assert_eq!(code(run(&guest, "fill", &["60000"])), Code::FuelLimit);
}

#[test]
fn a_loop_ends_when_its_fuel_is_used_up() {
    let report = run(&metered(COUNTER), "spin", &[]);
    assert_eq!(report.fuel_used, Some(FUEL));
    let failure = report.result.unwrap_err();
    assert_eq!(failure.code, Code::FuelLimit);
    assert_eq!(failure.detail["fuel"], FUEL);
    assert!(failure.message.contains("10000") && failure.message.contains("RUN_FUEL"));
}

#[test]
fn the_fuel_of_a_call_that_traps_is_told() {
    let guest = metered(COUNTER);
    let counted = used(&guest, "count", &["100"]);
    for function in ["trap", "divide"] {
        let report = run(&guest, function, &["100"]);
        let told = report.fuel_used.unwrap();
        assert!(told >= counted && told < 2 * counted, "{function}: {told}");
        assert_eq!(code(report), Code::Trap);
    }
}

#[test]
fn start_functions_count() {
    let text = |start: &str| {
        format!(
            r#"(module (func $busy (local $left i32) (local.set $left (i32.const 50))
                 (loop $again
                   (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                   (br_if $again (local.get $left))))
               {start} (func (export "f") (result i32) (i32.const 1)))"#
        )
    };
    let without = used(&metered(&text("")), "f", &[]);
    for start in ["(start $busy)", r#"(export "_initialize" (func $busy))"#] {
        assert!(used(&metered(&text(start)), "f", &[]) > without + 50);
    }
    let spins = metered(
        r#"(module (func $spin (loop (br 0))) (start $spin)
             (func (export "f") (result i32) (i32.const 1)))"#,
    );
    assert_eq!(code(run(&spins, "f", &[])), Code::FuelLimit);
}

#[test]
fn the_allocator_that_the_abi_calls_counts() {
    let endless = metered(
        r#"(module (memory (export "memory") 1)
             (func (export "__wbindgen_malloc") (param i32 i32) (result i32)
               (loop (br 0)) unreachable)
             (func (export "length") (param i32 i32) (result i32) (local.get 1)))"#,
    );
    assert_eq!(code(run(&endless, "length", &["text"])), Code::FuelLimit);
}

#[test]
fn wall_time_ends_a_loop_whose_fuel_is_ample() {
    let limits = CallLimits {
        timeout_ms: 20,
        fuel: None,
        ..LIMITS
    };
    let guest = metered(COUNTER);
    let counted = used(&guest, "count", &["100"]);
    let report = guest.call("late", NONE).limits(limits).run();
    assert!(
        report.fuel_used.unwrap() >= counted,
        "what was counted before is told"
    );
    assert_eq!(code(report), Code::RunTimeout);
}

#[test]
fn a_call_that_is_not_metered_ignores_fuel_and_tells_none() {
    let report = run(&from_text(COUNTER).unwrap(), "count", &["1000000"]);
    assert_eq!(report.fuel_used, None);
    assert_eq!(report.result.unwrap().bytes, b"1000000");
}

#[test]
fn what_is_compiled_for_one_engine_is_unusable_on_the_other() {
    let plain = Engine::for_calls(OPTIONS).unwrap();
    let wasm = wat::parse_str(COUNTER).unwrap();
    for (from, to, name) in [
        (&**METERED, &plain, "metered"),
        (&plain, &**METERED, "plain"),
    ] {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-form.cwasm"));
        fs::write(&path, artefact::compile(from, &wasm).unwrap().bytes).unwrap();
        // SAFETY: the line above wrote what was compiled, and nothing else touches the file.
        unsafe { artefact::load(from, &path) }.unwrap();
        // SAFETY: as above.
        let failure = unsafe { artefact::load(to, &path) }.unwrap_err();
        assert_eq!(failure.code, Code::ArtefactUnusable, "{name}");
    }
}

#[test]
fn one_pool_runs_both_forms_of_a_module_and_stops_both() {
    let engines = Arc::new(Engines::new(OPTIONS).unwrap());
    let load = |engine: &Arc<Engine>| {
        let compiled = artefact::compile(engine, &wat::parse_str(COUNTER).unwrap()).unwrap();
        // SAFETY: the line above made these bytes.
        let module = unsafe { Module::deserialize(engine.inner(), &compiled.bytes) }.unwrap();
        Arc::new(LoadedModule::new(engine, &module, compiled.interface).unwrap())
    };
    let forms = [load(engines.plain()), load(engines.metered().unwrap())];
    let (sender, outcomes) = channel();
    let sender = Mutex::new(sender);
    let deliver = move |outcome| {
        // The test may have ended and not care any more.
        let _ = sender.lock().unwrap().send(outcome);
    };
    let pool = Pool::start(engines, Arc::new(deliver)).unwrap();
    let limits = CallLimits {
        timeout_ms: 20,
        fuel: None,
        ..LIMITS
    };
    for id in 0..20 {
        let admission = Admission {
            group: id,
            concurrency: 1,
            queue_length: 1,
            queue_wait: Duration::from_secs(600),
        };
        let request = CallRequest {
            profile: Arc::new(Profile::bare(admission, limits)),
            ..CallRequest::bare("spin", limits)
        };
        let module = forms[id as usize % 2].clone();
        pool.submit(id, module, Arc::new(request));
        pool.begin_submitted();
    }
    for _ in 0..20 {
        let outcome = outcomes.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(outcome.report.fuel_used.is_some(), outcome.id % 2 == 1);
        assert_eq!(code(outcome.report), Code::RunTimeout);
    }
}
