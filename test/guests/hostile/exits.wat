;; Leaves in every way WASI has, from a function and from within what it calls.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
  (func (export "exits") (param i32) (call $exit (local.get 0)))
  (func (export "raises") (param i32) (drop (call $raise (local.get 0)))))
