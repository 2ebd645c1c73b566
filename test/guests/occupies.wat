;; A function that tells when it began and takes a while by the wall clock, so that two of its calls which ran
;; one after the other began at least that while apart.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $now_us (result i64)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
    (i64.div_u (i64.load (i32.const 0)) (i64.const 1000)))
  ;; Spins for so many microseconds; when it began, in microseconds since 1970.
  (func (export "occupy") (param $us i64) (result i64)
    (local $begun i64)
    (local.set $begun (call $now_us))
    (loop $again
      (br_if $again (i64.lt_u (call $now_us) (i64.add (local.get $begun) (local.get $us)))))
    (local.get $begun)))
