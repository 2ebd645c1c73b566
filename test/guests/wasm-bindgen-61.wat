;; What wasm-bindgen 0.2.61 makes, by shape: results at address 8, an allocator that takes a size
;; only, 64-bit integers as two i32, errors thrown as exceptions. Tells no version, as if stripped.
(module
  (import "__wbindgen_placeholder__" "__wbindgen_string_new" (func $text (param i32 i32) (result i32)))
  (import "__wbindgen_placeholder__" "__wbindgen_rethrow" (func $rethrow (param i32)))
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "hello ")
  (data (i32.const 1040) "not a number")
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "__wbindgen_free") (param i32 i32))
  ;; say(s: &str) -> String
  (func (export "say") (param $area i32) (param $s i32) (param $len i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6))))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (i32.store (local.get $area) (local.get $to))
    (i32.store offset=4 (local.get $area) (i32.add (local.get $len) (i32.const 6))))
  ;; add_u64(a: u64, b: u64) -> u64
  (func (export "add_u64") (param $area i32) (param i32 i32 i32 i32)
    (i64.store (local.get $area)
      (i64.add
        (i64.or (i64.extend_i32_u (local.get 1)) (i64.shl (i64.extend_i32_u (local.get 2)) (i64.const 32)))
        (i64.or (i64.extend_i32_u (local.get 3)) (i64.shl (i64.extend_i32_u (local.get 4)) (i64.const 32))))))
  ;; number(s: &str) -> Result<String, JsValue>: never one
  (func (export "number") (param $area i32) (param i32 i32)
    (call $rethrow (call $text (i32.const 1040) (i32.const 12)))
    unreachable))
