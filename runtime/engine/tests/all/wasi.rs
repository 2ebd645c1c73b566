//! The preview 1 shim against guests that are not careful with it.

use wasmhook_engine::error::Code;
use wasmhook_engine::limits::CallLimits;

use crate::guest::{Guest, LIMITS, NONE, from_text};

/// A raw guest whose functions return what one import answers.
fn guest(imports: &str, functions: &str) -> Guest {
    let text = format!(
        r#"(module {imports} (memory (export "memory") 1)
             (data (i32.const 64) "\c8\00\00\00\05\00\00\00") (data (i32.const 200) "hello")
             {functions})"#
    );
    from_text(&text).unwrap()
}

fn import(name: &str, params: &str) -> String {
    format!(
        r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))"#
    )
}

#[test]
fn pointers_outside_memory_are_error_21() {
    let guest = guest(
        &[
            import("fd_write", "i32 i32 i32 i32"),
            import("args_get", "i32 i32"),
            import("random_get", "i32 i32"),
            import("clock_time_get", "i32 i64 i32"),
        ]
        .concat(),
        r#"(func (export "write") (result i32)
             (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)))
           (func (export "many") (result i32)
             (call $fd_write (i32.const 1) (i32.const 64) (i32.const -1) (i32.const 0)))
           (func (export "args") (result i32) (call $args_get (i32.const 65533) (i32.const 0)))
           (func (export "random") (result i32) (call $random_get (i32.const 1) (i32.const -1)))
           (func (export "clock") (result i32)
             (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 65530)))"#,
    );
    for function in ["write", "many", "args", "random", "clock"] {
        assert_eq!(guest.text(function, NONE), "21", "{function}");
    }
}

#[test]
fn what_a_guest_prints_is_its_log_up_to_the_cap() {
    let guest = guest(
        &import("fd_write", "i32 i32 i32 i32"),
        r#"(func (export "print") (result i32) (local $n i32)
             (loop
               (drop (call $fd_write (i32.const 2) (i32.const 64) (i32.const 1) (i32.const 0)))
               (local.set $n (i32.add (local.get $n) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get $n) (i32.const 3))))
             (i32.load (i32.const 0)))"#,
    );
    let report = guest.call("print", NONE).run();
    assert_eq!(
        (report.log, report.log_truncated),
        (b"hellohellohello".to_vec(), false)
    );
    let limits = CallLimits {
        log_bytes: 7,
        ..LIMITS
    };
    let report = guest.call("print", NONE).limits(limits).run();
    assert_eq!(
        (report.log, report.log_truncated),
        (b"hellohe".to_vec(), true)
    );
    assert_eq!(report.result.unwrap().bytes, b"5");
}

#[test]
fn a_sleep_ends_with_the_call_and_a_short_one_wakes() {
    let guest = guest(
        &import("poll_oneoff", "i32 i32 i32 i32"),
        r#"(func (export "sleep") (param $ns i64) (result i32)
             (i32.store (i32.const 1040) (i32.const 1))
             (i64.store (i32.const 1048) (local.get $ns))
             (drop (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 0)))
             (i32.load (i32.const 0)))
           (func (export "none") (result i32)
             (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 0) (i32.const 0)))
           (func (export "outside") (result i32)
             (call $poll_oneoff (i32.const 65520) (i32.const 2048) (i32.const 1) (i32.const 0)))"#,
    );
    assert_eq!(guest.text("sleep", ["1000000"]), "1");
    let limits = CallLimits {
        timeout_ms: 20,
        ..LIMITS
    };
    let failure = guest.call("sleep", ["-1"]).limits(limits).failure();
    assert_eq!(failure.code, Code::RunTimeout);
    assert_eq!(guest.text("none", NONE), "28");
    assert_eq!(guest.text("outside", NONE), "21");
}

#[test]
fn nothing_is_opened_and_no_socket_is_there() {
    let guest = guest(
        &[
            import("fd_prestat_get", "i32 i32"),
            import("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
            import("sock_accept", "i32 i32 i32"),
            import("fd_close", "i32"),
        ]
        .concat(),
        r#"(func (export "prestat") (result i32) (call $fd_prestat_get (i32.const 3) (i32.const 0)))
           (func (export "open") (result i32)
             (call $path_open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 5)
               (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0)))
           (func (export "accept") (result i32)
             (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 0)))
           (func (export "close") (result i32) (call $fd_close (i32.const -1)))
           (func (export "twice") (result i32)
             (drop (call $fd_close (i32.const 1))) (call $fd_close (i32.const 1)))"#,
    );
    let answers = ["prestat", "open", "accept", "close", "twice"].map(|f| guest.text(f, NONE));
    assert_eq!(answers, ["8", "8", "58", "8", "8"]);
}

#[test]
fn an_import_of_a_known_name_with_another_shape_is_missing() {
    let guest = from_text(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $f (param i64)))
             (func (export "f") (call $f (i64.const 0))))"#,
    )
    .unwrap();
    assert_eq!(
        guest.interface.missing_imports,
        ["wasi_snapshot_preview1.fd_write"]
    );
    assert_eq!(guest.code("f", NONE), Code::MissingImport);
}
