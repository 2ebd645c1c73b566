//! The storage imports: the original's convention, what a call sees and leaves, misuse and bounds.

use std::sync::Arc;

use wasmhook_engine::call::Report;
use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::store::{Bytes, Session, Snapshot, Store, StoreAccess};

use crate::guest::{Guest, LIMITS, NONE, from_text, guest};

const KEY: &[u8] = b"counter";
const LONG_KEY: &[u8] = b"0123456789abcdef0123456789ABCDEF";

/// A store that holds these numbers.
fn store(entries: &[(&[u8], &[i32])]) -> StoreAccess {
    let entries = entries.iter().map(|(key, numbers)| {
        let value: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        (Bytes::from(*key), Some(Bytes::from(value)))
    });
    let store = Store::default();
    store.publish(Snapshot::default().with(entries));
    StoreAccess {
        store: Arc::new(store),
        in_turn: true,
        bytes_max: 1 << 20,
        keys_max: 1_000,
    }
}

fn run(guest: &Guest, function: &str, inputs: &[&str], access: &StoreAccess) -> Report {
    guest.call(function, inputs).store(access.clone()).run()
}

fn text(report: &Report) -> &str {
    let output = report.result.as_ref().unwrap();
    str::from_utf8(&output.bytes).unwrap()
}

fn code(report: &Report) -> Code {
    report.result.as_ref().err().unwrap().code
}

/// What the call stored, as numbers.
fn stored(report: &Report) -> Vec<(Vec<u8>, Vec<i32>)> {
    let numbers = |value: &Bytes| {
        let (words, rest) = value.as_chunks::<4>();
        assert!(rest.is_empty());
        words.iter().map(|word| i32::from_le_bytes(*word)).collect()
    };
    let stored = &report.store.as_ref().unwrap().stored;
    let entries = stored.iter();
    entries
        .map(|(key, value)| (key.to_vec(), numbers(value)))
        .collect()
}

#[test]
fn a_call_reads_the_snapshot_and_then_its_own_stores() {
    let guest = guest("storage");
    assert!(guest.interface.uses_storage && guest.interface.missing_imports.is_empty());
    let access = store(&[(KEY, &[41])]);
    assert_eq!(text(&run(&guest, "read", &[], &access)), "41");
    let report = run(&guest, "increment_twice", &[], &access);
    assert_eq!(text(&report), "43");
    assert_eq!(stored(&report), [(KEY.to_vec(), vec![43])]);
    // What it stored is for others once it is committed.
    assert_eq!(text(&run(&guest, "read", &[], &access)), "41");
}

#[test]
fn a_call_keeps_the_snapshot_that_it_looked_at_first() {
    let access = store(&[(KEY, &[1])]);
    let mut session = Session::new(access.clone());
    let newer = access
        .store
        .newest()
        .with([(Bytes::from(KEY), Some(Bytes::from(2i32.to_le_bytes())))]);
    access.store.publish(newer);
    session.begin_load(KEY);
    assert_eq!(session.load().unwrap(), 1i32.to_le_bytes());
    let mut later = Session::new(access);
    later.begin_load(KEY);
    assert_eq!(later.load().unwrap(), 2i32.to_le_bytes());
}

#[test]
fn a_key_that_holds_nothing_loads_as_zero_once() {
    let guest = guest("storage");
    let access = store(&[]);
    assert_eq!(text(&run(&guest, "increment", &[], &access)), "1");
    assert_eq!(text(&run(&guest, "sum", &["3", "2"], &access)), "0");
    assert_eq!(
        code(&run(&guest, "sum", &["3", "3"], &access)),
        Code::GuestAbi
    );
}

#[test]
fn sequences_come_back_in_order_and_end_where_they_end() {
    let guest = guest("storage");
    let access = store(&[(b"aaad", &[1, 2, 4])]);
    assert_eq!(text(&run(&guest, "sum", &["3", "2"], &access)), "3");
    assert_eq!(text(&run(&guest, "sum", &["3", "3"], &access)), "7");
    assert_eq!(
        code(&run(&guest, "sum", &["3", "4"], &access)),
        Code::GuestAbi
    );
    let report = run(&guest, "put", &["3", "3", "9"], &access);
    assert_eq!(stored(&report), [(b"aaad".to_vec(), vec![9, 9, 9])]);
    assert_eq!(
        text(&run(&guest, "long", &[], &access)),
        "81985526906748928"
    );
}

#[test]
fn a_key_ends_at_its_nul_or_after_32_bytes() {
    let guest = guest("storage");
    let access = store(&[(LONG_KEY, &[3])]);
    assert_eq!(text(&run(&guest, "get_at", &["32"], &access)), "3");
    let report = run(&guest, "set_at", &["56"], &access);
    assert_eq!(
        stored(&report),
        [(b"89ABCDEFand what follows".to_vec(), vec![7])]
    );
    let report = run(&guest, "set_at", &["128"], &access);
    assert_eq!(stored(&report), [(b"\xff\xfe/".to_vec(), vec![7])]);
    let report = run(&guest, "make_key", &["1000"], &access);
    assert_eq!(text(&report), "32");
    let made = &stored(&report)[0].0;
    assert!(made.len() == 32 && made.iter().all(u8::is_ascii_hexdigit));
    assert_ne!(
        *made,
        stored(&run(&guest, "make_key", &["1000"], &access))[0].0
    );
}

#[test]
fn keys_that_are_empty_or_leave_the_memory_are_refused() {
    let guest = guest("storage");
    let access = store(&[]);
    for ptr in ["65533", "65504", "65536", "-1", "-32"] {
        for function in ["get_at", "set_at"] {
            let report = run(&guest, function, &[ptr], &access);
            let reaches_the_end = ptr == "65504";
            let expected = if reaches_the_end {
                Code::GuestAbi
            } else {
                Code::Trap
            };
            assert_eq!(code(&report), expected, "{function} {ptr}");
        }
    }
    // 32 digits and a NUL: the last place for them is 33 bytes before the end.
    for ptr in ["65504", "-1"] {
        assert_eq!(code(&run(&guest, "make_key", &[ptr], &access)), Code::Trap);
    }
    let full_end = from_text(
        r#"(module
             (import "ssvm_native" "ssvm_storage_beginLoadTx" (func $begin (param i32)))
             (memory (export "memory") 1)
             (data (i32.const 65504) "0123456789abcdef0123456789ABCDEF")
             (func (export "get_at") (param i32) (call $begin (local.get 0))))"#,
    )
    .unwrap();
    assert_eq!(text(&run(&full_end, "get_at", &["65504"], &access)), "");
    assert_eq!(
        code(&run(&full_end, "get_at", &["65505"], &access)),
        Code::Trap
    );
    let no_memory = from_text(
        r#"(module
             (import "ssvm_native" "ssvm_storage_beginLoadTx" (func $begin (param i32)))
             (func (export "get_at") (param i32) (call $begin (local.get 0))))"#,
    )
    .unwrap();
    assert_eq!(
        code(&run(&no_memory, "get_at", &["0"], &access)),
        Code::Trap
    );
}

#[test]
fn what_breaks_the_convention_ends_the_call() {
    let guest = guest("storage");
    let access = store(&[]);
    for function in [
        "store_outside",
        "load_outside",
        "load_after_end",
        "end_only",
        "load_long_half",
    ] {
        let report = run(&guest, function, &[], &access);
        assert_eq!(code(&report), Code::GuestAbi, "{function}");
    }
}

#[test]
fn a_sequence_that_is_not_ended_is_not_stored() {
    let guest = guest("storage");
    let access = store(&[(KEY, &[41])]);
    let report = run(&guest, "never_ended", &[], &access);
    assert!(report.result.is_ok() && stored(&report).is_empty());
    let report = run(&guest, "begun_twice", &[], &access);
    assert_eq!(stored(&report), [(LONG_KEY.to_vec(), vec![8])]);
}

#[test]
fn a_call_that_stores_out_of_turn_is_ended_and_says_so() {
    let guest = guest("storage");
    let access = StoreAccess {
        in_turn: false,
        ..store(&[])
    };
    let report = run(&guest, "increment", &[], &access);
    let (began, stored) = (report.store.as_ref().unwrap().began, stored(&report));
    assert!(report.result.is_err() && began && stored.is_empty());
    let report = run(&guest, "increment_if", &["0"], &access);
    assert!(report.result.is_ok() && !report.store.unwrap().began);
}

#[test]
fn a_store_holds_so_many_bytes_and_keys_and_no_more() {
    let guest = guest("storage");
    // Four bytes of key and three numbers.
    let small = |bytes_max, keys_max| StoreAccess {
        bytes_max,
        keys_max,
        ..store(&[(b"aaab", &[1, 2, 3])])
    };
    let put = |key: &str, count: &str, access: &StoreAccess| {
        let report = run(&guest, "put", &[key, count, "1"], access);
        report.result.err().map(|failure| failure.code)
    };
    assert_eq!(put("2", "1", &small(24, 2)), None);
    assert_eq!(put("2", "2", &small(24, 2)), Some(Code::StoreFull));
    assert_eq!(put("2", "0", &small(99, 1)), Some(Code::StoreFull));
    // What a key held before makes room for what it holds next.
    assert_eq!(put("1", "5", &small(24, 1)), None);
    assert_eq!(put("1", "6", &small(24, 1)), Some(Code::StoreFull));
    let report = run(&guest, "store_forever", &[], &small(1 << 20, 1));
    let failure = report.result.err().unwrap();
    assert_eq!(
        (failure.code, &failure.detail["store_bytes"]),
        (Code::StoreFull, &(1 << 20).into())
    );
}

#[test]
fn storage_imports_end_with_the_call_and_need_a_store() {
    let guest = guest("storage");
    let limits = CallLimits {
        timeout_ms: 20,
        ..LIMITS
    };
    let call = guest.call("begin_forever", NONE).store(store(&[]));
    assert_eq!(call.limits(limits).failure().code, Code::RunTimeout);
    assert_eq!(guest.code("read", NONE), Code::MissingImport);
}

#[test]
fn an_import_of_another_signature_is_one_that_nothing_provides() {
    let guest = from_text(
        r#"(module (import "ssvm_native" "ssvm_storage_createUUID" (func $make (result i32)))
             (memory (export "memory") 1)
             (func (export "f") (result i32) (call $make)))"#,
    )
    .unwrap();
    let missing = &guest.interface.missing_imports;
    assert_eq!(*missing, ["ssvm_native.ssvm_storage_createUUID"]);
    assert_eq!(
        code(&run(&guest, "f", &[], &store(&[]))),
        Code::MissingImport
    );
}

#[test]
fn a_snapshot_counts_what_its_changes_add_and_take() {
    let value = |text: &str| Some(Bytes::from(text.as_bytes()));
    let first = Snapshot::default().with([
        (Bytes::from(&b"a"[..]), value("123")),
        (Bytes::from(&b"bb"[..]), value("")),
    ]);
    assert_eq!(first.bytes(), 6);
    let second = first.with([
        (Bytes::from(&b"a"[..]), value("1")),
        (Bytes::from(&b"bb"[..]), None),
        (Bytes::from(&b"never"[..]), None),
    ]);
    assert_eq!((first.bytes(), second.bytes()), (6, 2));
}
