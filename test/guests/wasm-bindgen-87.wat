;; What wasm-bindgen 0.2.87 to 0.2.94 makes, by shape: the return area is taken by
;; __wbindgen_add_to_stack_pointer, the allocator takes an alignment, results may be errors,
;; JavaScript values are indices into the host's heap, optional numbers a flag and a value.
(module
  (import "wbg" "__wbindgen_string_new" (func $text (param i32 i32) (result i32)))
  (import "wbg" "__wbindgen_error_new" (func $error (param i32 i32) (result i32)))
  (import "wbg" "__wbindgen_throw" (func $throw (param i32 i32)))
  (import "wbg" "__wbg_log_0123456789abcdef" (func $log (param i32)))
  (import "wbg" "__wbindgen_object_drop_ref" (func $drop (param i32)))
  (memory (export "memory") 32)
  (global $stack (mut i32) (i32.const 1048576))
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "hello ")
  (data (i32.const 1040) "it is empty")
  (data (i32.const 1060) "thrown text")
  (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32)
    (global.set $stack (i32.add (global.get $stack) (local.get 0)))
    (global.get $stack))
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32)
    (if (i32.ne (local.get $align) (i32.const 1)) (then unreachable))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "__wbindgen_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "__wbindgen_free") (param i32 i32 i32))
  ;; say(s: &str) -> String
  (func $say (export "say") (param $area i32) (param $s i32) (param $len i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6)) (i32.const 1)))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (i32.store (local.get $area) (local.get $to))
    (i32.store offset=4 (local.get $area) (i32.add (local.get $len) (i32.const 6))))
  ;; greet(s: &str) -> Result<String, JsValue>: an error for an empty text
  (func (export "greet") (param $area i32) (param $s i32) (param $len i32)
    (if (i32.eqz (local.get $len))
      (then
        (i32.store offset=8 (local.get $area) (call $text (i32.const 1040) (i32.const 11)))
        (i32.store offset=12 (local.get $area) (i32.const 1)))
      (else
        (call $say (local.get $area) (local.get $s) (local.get $len))
        (i32.store offset=8 (local.get $area) (i32.const 0))
        (i32.store offset=12 (local.get $area) (i32.const 0)))))
  ;; length(s: &str) -> Result<u32, JsError>: an error for an empty text
  (func (export "length") (param $area i32) (param $s i32) (param $len i32)
    (i32.store (local.get $area) (local.get $len))
    (i32.store offset=4 (local.get $area) (i32.const 0))
    (i32.store offset=8 (local.get $area) (i32.const 0))
    (if (i32.eqz (local.get $len))
      (then
        (i32.store offset=4 (local.get $area) (call $error (i32.const 1040) (i32.const 11)))
        (i32.store offset=8 (local.get $area) (i32.const 1)))))
  ;; double(n: Option<u32>) -> Option<u32>
  (func (export "double") (param $area i32) (param $some i32) (param $n i32)
    (i32.store (local.get $area) (local.get $some))
    (i32.store offset=4 (local.get $area) (i32.mul (local.get $n) (i32.const 2))))
  ;; log(s: &str): on the console, and back as the result
  (func (export "log") (param $area i32) (param $s i32) (param $len i32)
    (call $log (call $text (local.get $s) (local.get $len)))
    (i32.store (local.get $area) (local.get $s))
    (i32.store offset=4 (local.get $area) (local.get $len)))
  ;; throws() -> String
  (func (export "throws") (param $area i32)
    (call $throw (i32.const 1060) (i32.const 11))
    unreachable)
  ;; hoard() -> String: makes texts without end
  (func (export "hoard") (param $area i32)
    (loop $again
      (drop (call $text (i32.const 0) (i32.const 65536)))
      (br $again)))
  ;; churn(s: &str) -> String: makes and drops 200,000 values, and returns its argument
  (func (export "churn") (param $area i32) (param $s i32) (param $len i32)
    (local $n i32)
    (loop $again
      (call $drop (call $text (local.get $s) (local.get $len)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 200000))))
    (i32.store (local.get $area) (local.get $s))
    (i32.store offset=4 (local.get $area) (local.get $len))))
