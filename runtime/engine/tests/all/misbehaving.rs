//! Guests that spin, recurse, grow or trap: each ends with its own code.

use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;

use crate::guest::{LIMITS, NONE, guest};

const SHORT: CallLimits = CallLimits {
    timeout_ms: 50,
    ..LIMITS
};

#[test]
fn spinning_ends_with_the_time_limit() {
    let spin = guest("misbehaves");
    assert_eq!(
        spin.call("spin", NONE).limits(SHORT).failure().code,
        Code::RunTimeout
    );
    let start = guest("spin-in-start");
    assert_eq!(
        start.call("answer", NONE).limits(SHORT).failure().code,
        Code::RunTimeout
    );
}

#[test]
fn growth_past_a_limit_is_named() {
    let guest = guest("misbehaves");
    assert_eq!(guest.code("grow_memory", NONE), Code::MemoryLimit);
    assert_eq!(guest.code("grow_table", NONE), Code::TableLimit);
    let pages = LIMITS.memory_bytes / 65_536;
    assert_eq!(guest.text("pages", NONE), pages.to_string());
}

#[test]
fn every_kind_of_trap_is_named() {
    let guest = guest("misbehaves");
    for kind in [
        "unreachable",
        "memory_out_of_bounds",
        "table_out_of_bounds",
        "indirect_call_to_null",
        "bad_signature",
        "integer_overflow",
        "integer_division_by_zero",
        "bad_conversion_to_integer",
    ] {
        let failure = guest.failure(kind, NONE);
        assert_eq!(
            (failure.code, failure.detail["trap"].as_str()),
            (Code::Trap, Some(kind))
        );
    }
    assert_eq!(
        guest.failure("recurse", NONE).detail["trap"],
        "stack_overflow"
    );
}

#[test]
fn a_log_is_cut_at_its_limit_and_the_function_goes_on() {
    let report = guest("flood-log").call("answer", NONE).run();
    assert_eq!(report.result.unwrap().bytes, b"42");
    assert_eq!(
        (report.log.len(), report.log_truncated),
        (LIMITS.log_bytes, true)
    );
}
