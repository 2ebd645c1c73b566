;; Leaves marks wherever a call may leave something, and looks for the marks of others. `leaves`
;; writes; `finds` counts what is not as a fresh instance has it: 0 in each place.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (table $table 8 funcref)
  (table $values 8 externref)
  (global $number (mut i64) (i64.const 0))
  (global $vector (mut v128) (v128.const i64x2 0 0))
  (global $function (mut funcref) (ref.null func))
  (data (i32.const 65528) "original")
  (data $segment "segment")
  (elem $elements func $mark)
  (func $mark)
  (func $leaves (export "leaves")
    ;; Memory: all there is and all that can be had.
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.fill (i32.const 0) (i32.const 0xa5) (i32.shl (memory.size) (i32.const 16)))
    (drop (table.grow $table (ref.func $mark) (i32.const 100)))
    (table.fill $table (i32.const 0) (ref.func $mark) (table.size $table))
    (drop (table.grow $values (ref.null extern) (i32.const 100)))
    (global.set $number (i64.const 0xa5a5a5a5a5a5a5a5))
    (global.set $vector (v128.const i64x2 -1 -1))
    (global.set $function (ref.func $mark))
    (data.drop $segment)
    (elem.drop $elements)
    (drop (call $close (i32.const 2)))
    (call $deep (i32.const 1000) (i64.const 0xa5a5a5a5a5a5a5a5)))
  ;; The same, and then out by a trap.
  (func (export "leaves_and_traps")
    (call $leaves)
    (drop (i32.div_u (i32.const 1) (i32.const 0))))
  ;; Puts its mark on the machine's stack a thousand times.
  (func $deep (param $depth i32) (param $mark i64)
    (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $a (local.get $mark)) (local.set $b (local.get $mark))
    (local.set $c (local.get $mark)) (local.set $d (local.get $mark))
    (if (local.get $depth)
      (then (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $mark))))
    (i64.store (i32.const 0)
      (i64.add
        (i64.add (local.get $a) (local.get $b)) (i64.add (local.get $c) (local.get $d)))))
  ;; What a local holds before anything was put there, a hundred frames down.
  (func $unset (param $depth i32) (result i64)
    (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (if (result i64) (local.get $depth)
      (then
        (i64.or
          (call $unset (i32.sub (local.get $depth) (i32.const 1)))
          (i64.or (i64.or (local.get $a) (local.get $b)) (i64.or (local.get $c) (local.get $d)))))
      (else (i64.const 0))))
  ;; Bytes that are not zero between two addresses, eight at a time.
  (func $dirty (param $from i32) (param $to i32) (result i32)
    (local $found i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $to)))
        (if (i64.ne (i64.load (local.get $from)) (i64.const 0))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (br $next)))
    (local.get $found))
  ;; Places that hold a function.
  (func $filled (result i32)
    (local $at i32) (local $found i32)
    (loop $next
      (local.set $found
        (i32.add (local.get $found) (i32.eqz (ref.is_null (table.get $table (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (table.size $table))))
    (local.get $found))
  ;; What was left, by place: the memory it starts with, its size, the memory it grows by, its data,
  ;; its tables, its globals, its streams, its stack.
  (func $look (result i32 i32 i32 i32 i32 i32 i32 i32)
    (local $memory i32) (local $size i32) (local $data i32) (local $tables i32)
    (local $globals i32) (local $streams i32) (local $stack i32)
    (local.set $stack (i64.ne (call $unset (i32.const 100)) (i64.const 0)))
    (local.set $memory
      (i32.add
        (call $dirty (i32.const 0) (i32.const 65528))
        (call $dirty (i32.const 65536) (i32.const 131072))))
    (local.set $size (i32.sub (memory.size) (i32.const 2)))
    ;; "original", little endian
    (local.set $data
      (i64.ne (i64.load (i32.const 65528)) (i64.const 0x6c616e696769726f)))
    (local.set $tables
      (i32.add (call $filled)
        (i32.or (i32.ne (table.size $table) (i32.const 8))
          (i32.ne (table.size $values) (i32.const 8)))))
    (local.set $globals
      (i32.or
        (i32.or (i64.ne (global.get $number) (i64.const 0))
          (v128.any_true (global.get $vector)))
        (i32.eqz (ref.is_null (global.get $function)))))
    (local.set $streams (call $write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 8)))
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (drop (table.grow $table (ref.null func) (i32.const 100)))
    (local.get $memory)
    (local.get $size)
    (call $dirty (i32.const 131072) (i32.shl (memory.size) (i32.const 16)))
    (local.get $data)
    (i32.add (local.get $tables) (call $filled))
    (local.get $globals)
    (local.get $streams)
    (local.get $stack))
  ;; Traps where a segment is gone.
  (func (export "finds") (result i32 i32 i32 i32 i32 i32 i32 i32)
    (call $look)
    (memory.init $segment (i32.const 0) (i32.const 0) (i32.const 7))
    (table.init $table $elements (i32.const 0) (i32.const 0) (i32.const 1)))
  ;; The same instance sees what it left itself, or the looking would prove nothing.
  (func (export "sees_its_own") (result i32 i32 i32 i32 i32 i32 i32 i32)
    (call $leaves)
    (call $look)))
