;; A WASI program that writes to standard output without end: line by line, or in 1,024 pieces at
;; once that are all the same 64 KiB. What it does is told by the first letter of its name.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\80\00\00\00\10\00\00\00")
  (data (i32.const 128) "another line...\n")
  (func (export "_start")
    (local $at i32)
    (drop (call $args (i32.const 256) (i32.const 512)))
    (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 0x70)) ;; "pieces"
      (then
        (local.set $at (i32.const 0x8000))
        (loop $next
          (i32.store (local.get $at) (i32.const 0x10000))
          (i32.store offset=4 (local.get $at) (i32.const 0x10000))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $next (i32.lt_u (local.get $at) (i32.const 0xa000))))
        (drop (call $write (i32.const 1) (i32.const 0x8000) (i32.const 1024) (i32.const 24)))))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
      (br $again))))
