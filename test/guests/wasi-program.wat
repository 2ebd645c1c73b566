;; A WASI preview 1 program that copies standard input to standard output. Argument 1 may tell it
;; otherwise: "exit" writes "it failed" to standard error and exits with code 3, "sleep" sleeps an
;; hour, "flood" writes without end, "args" writes its arguments, each closed by a zero byte,
;; "zero" exits with code 0 after "done".
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 512) "it failed")
  (data (i32.const 528) "done")
  ;; Writes to a stream; the pieces' table is at 16, the count at 24.
  (func $put (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 16) (local.get $from))
    (i32.store (i32.const 20) (local.get $len))
    (drop (call $write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $copy
    (loop $again
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (i32.const 65536))
      (if (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)) (then unreachable))
      (if (i32.load (i32.const 24))
        (then
          (call $put (i32.const 1) (i32.const 65536) (i32.load (i32.const 24)))
          (br $again)))))
  (func (export "_start")
    (local $first i32)
    (drop (call $args_sizes (i32.const 32) (i32.const 36)))
    (drop (call $args (i32.const 1024) (i32.const 8192)))
    (if (i32.gt_u (i32.load (i32.const 32)) (i32.const 1))
      ;; The first four letters of argument 1.
      (then (local.set $first (i32.load (i32.load (i32.const 1028))))))
    (if (i32.eq (local.get $first) (i32.const 0x74697865)) ;; exit
      (then
        (call $put (i32.const 2) (i32.const 512) (i32.const 9))
        (call $exit (i32.const 3))))
    (if (i32.eq (local.get $first) (i32.const 0x6f72657a)) ;; zero
      (then
        (call $put (i32.const 1) (i32.const 528) (i32.const 4))
        (call $exit (i32.const 0))))
    (if (i32.eq (local.get $first) (i32.const 0x65656c73)) ;; slee
      (then
        ;; One subscription to the monotonic clock: the clock at 16, the time in ns at 24.
        (i32.store (i32.const 2064) (i32.const 1))
        (i64.store (i32.const 2072) (i64.const 3600000000000))
        (drop (call $poll (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 24)))))
    (if (i32.eq (local.get $first) (i32.const 0x6f6f6c66)) ;; floo
      (then (loop $again (call $put (i32.const 1) (i32.const 65536) (i32.const 65536)) (br $again))))
    (if (i32.eq (local.get $first) (i32.const 0x73677261)) ;; args
      (then (call $put (i32.const 1) (i32.const 8192) (i32.load (i32.const 36))))
      (else (call $copy)))))
