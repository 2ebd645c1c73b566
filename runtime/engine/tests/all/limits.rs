//! Limits of a call, past each of them.

use wasmhook_engine::error::Code;
use wasmhook_engine::limits::{CallLimits, Limits, Refused};
use wasmtime::ResourceLimiter;

use crate::guest::{LIMITS, NONE, from_text};

#[test]
fn initial_memory_above_the_limit_is_named() {
    let guest = from_text(r#"(module (memory 2) (func (export "f") (result i32) (i32.const 1)))"#);
    let limits = CallLimits {
        memory_bytes: 65_536,
        ..LIMITS
    };
    let failure = guest.unwrap().call("f", NONE).limits(limits).failure();
    assert_eq!(failure.code, Code::MemoryLimit);
}

#[test]
fn a_refused_growth_is_minus_one_and_names_the_abort_after_it() {
    let guest = from_text(
        r#"(module (memory 1)
             (func (export "grow") (result i32) (memory.grow (i32.const 1000)))
             (func (export "abort") (result i32) (memory.grow (i32.const 1000)) unreachable))"#,
    )
    .unwrap();
    assert_eq!(guest.text("grow", NONE), "-1");
    assert_eq!(guest.code("abort", NONE), Code::MemoryLimit);
}

#[test]
fn a_refused_growth_hides_no_other_trap() {
    let guest = from_text(
        r#"(module (memory 1) (table 1 funcref)
             (func (export "divide") (result i32)
               (drop (memory.grow (i32.const 1000))) (i32.div_u (i32.const 1) (i32.const 0)))
             (func (export "store")
               (drop (memory.grow (i32.const 1000))) (i32.store (i32.const -4) (i32.const 0)))
             (func (export "get") (drop (memory.grow (i32.const 1000)))
               (drop (table.get (i32.const 9)))))"#,
    )
    .unwrap();
    let ends = |function| {
        let failure = guest.failure(function, NONE);
        (failure.code, failure.detail["trap"].to_string())
    };
    let named = |code, trap: &str| (code, format!("\"{trap}\""));
    assert_eq!(
        ends("divide"),
        named(Code::Trap, "integer_division_by_zero")
    );
    assert_eq!(
        ends("store"),
        named(Code::MemoryLimit, "memory_out_of_bounds")
    );
    assert_eq!(ends("get"), named(Code::Trap, "table_out_of_bounds"));
}

#[test]
fn a_growth_that_was_allowed_and_failed_is_not_counted() {
    let mut limits = Limits::new(&LIMITS);
    assert!(limits.memory_growing(0, 65_536, None).unwrap());
    assert!(limits.memory_growing(65_536, 1 << 20, None).unwrap());
    let why = wasmtime::Error::msg("the host has none");
    limits.memory_grow_failed(why).unwrap();
    assert_eq!(limits.memory_used(), 65_536);
}

#[test]
fn a_table_refused_by_the_ceiling_of_the_pool_is_refused_by_a_limit() {
    let mut limits = Limits::new(&LIMITS);
    let ceiling = Some(LIMITS.table_elements + 1);
    assert!(!limits.table_growing(4, usize::MAX, ceiling).unwrap());
    assert_eq!(limits.refused(), Some(Refused::Table));
    let mut limits = Limits::new(&LIMITS);
    assert!(!limits.table_growing(4, 9, Some(8)).unwrap());
    assert_eq!(limits.refused(), None);
}

#[test]
fn tables_together_stay_within_their_limit() {
    let guest = from_text(
        r#"(module (table $a 10 funcref) (table $b 10 externref)
             (func (export "grow") (param i32) (result i32)
               (table.grow $b (ref.null extern) (local.get 0)))
             (func (export "abort")
               (drop (table.grow $b (ref.null extern) (i32.const 1000))) unreachable))"#,
    )
    .unwrap();
    let call = |function, input: &'static [&str]| {
        guest.call(function, input).limits(CallLimits {
            table_elements: 30,
            ..LIMITS
        })
    };
    assert_eq!(call("grow", &["10"]).text(), "10");
    assert_eq!(call("grow", &["11"]).text(), "-1");
    assert_eq!(call("abort", &[]).failure().code, Code::TableLimit);
}

#[test]
fn exceptions_thrown_without_end_stay_within_the_memory_limit() {
    // The collector never frees within a call, so each exception takes memory for good.
    let guest = from_text(
        r#"(module (tag $t (param i64))
             (func (export "f") (result i32)
               (loop $again
                 (block $caught (result i64)
                   (try_table (catch $t $caught) (throw $t (i64.const 1)))
                   (unreachable))
                 (drop) (br $again))
               (unreachable)))"#,
    )
    .unwrap();
    let limits = CallLimits {
        memory_bytes: 1 << 20,
        timeout_ms: 20_000,
        ..LIMITS
    };
    let report = guest.call("f", NONE).limits(limits).run();
    assert!(report.memory_bytes <= 1 << 20);
    assert_eq!(report.result.unwrap_err().code, Code::MemoryLimit);
}

#[test]
fn a_start_function_that_spins_ends_with_the_call() {
    let guest = from_text(
        r#"(module (func $spin (loop (br 0))) (start $spin)
             (func (export "f") (result i32) (i32.const 1)))"#,
    );
    let limits = CallLimits {
        timeout_ms: 20,
        ..LIMITS
    };
    assert_eq!(
        guest.unwrap().call("f", NONE).limits(limits).failure().code,
        Code::RunTimeout
    );
}
