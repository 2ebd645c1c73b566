;; What wasm-bindgen 0.2.66 to 0.2.69 makes, by shape: the stack pointer is an exported global.
(module
  (memory (export "memory") 32)
  (global $stack (export "__wbindgen_export_0") (mut i32) (i32.const 1048576))
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "hello ")
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  ;; say(s: &str) -> String
  (func (export "say") (param $area i32) (param $s i32) (param $len i32)
    (local $to i32)
    ;; The caller must have taken the area from the stack.
    (if (i32.lt_u (local.get $area) (global.get $stack)) (then unreachable))
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6))))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (i32.store (local.get $area) (local.get $to))
    (i32.store offset=4 (local.get $area) (i32.add (local.get $len) (i32.const 6)))))
