;; What wasm-bindgen 0.2.95 to 0.2.118 makes, by shape: results are several values, JavaScript
;; values live in an externref table that __wbindgen_start sets up, optional 32-bit numbers are an
;; f64 that is 4294967297 for none.
(module
  (import "__wbindgen_placeholder__" "__wbindgen_string_new" (func $text (param i32 i32) (result externref)))
  (import "__wbindgen_placeholder__" "__wbg_Error_0123456789abcdef" (func $error (param i32 i32) (result externref)))
  (import "__wbindgen_placeholder__" "__wbindgen_init_externref_table" (func $init))
  (memory (export "memory") 32)
  (table $refs (export "__wbindgen_export_0") 128 externref)
  (global $free (mut i32) (i32.const 1048576))
  (global $next (mut i32) (i32.const 132))
  (data (i32.const 1024) "hello ")
  (data (i32.const 1040) "it is empty")
  (export "__wbindgen_start" (func $init))
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func $keep (param externref) (result i32)
    (if (i32.ge_u (global.get $next) (table.size $refs))
      (then (drop (table.grow $refs (ref.null extern) (i32.const 128)))))
    (table.set $refs (global.get $next) (local.get 0))
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (i32.const 1))))
  ;; say(s: &str) -> String
  (func $say (export "say") (param $s i32) (param $len i32) (result i32 i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6)) (i32.const 1)))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (local.get $to)
    (i32.add (local.get $len) (i32.const 6)))
  ;; greet(s: &str) -> Result<String, JsValue>: an error for an empty text
  (func (export "greet") (param $s i32) (param $len i32) (result i32 i32 i32 i32)
    (if (i32.eqz (local.get $len))
      (then
        (return (i32.const 0) (i32.const 0)
          (call $keep (call $text (i32.const 1040) (i32.const 11))) (i32.const 1))))
    (call $say (local.get $s) (local.get $len))
    (i32.const 0)
    (i32.const 0))
  ;; check(s: &str) -> Result<(), JsError>: an error for an empty text
  (func (export "check") (param $s i32) (param $len i32) (result i32 i32)
    (if (i32.eqz (local.get $len))
      (then (return (call $keep (call $error (i32.const 1040) (i32.const 11))) (i32.const 1))))
    (i32.const 0)
    (i32.const 0))
  ;; table_grew() -> bool: whether the four constants are behind the first 128 places
  (func (export "table_grew") (result i32)
    (i32.eq (table.size $refs) (i32.const 132)))
  ;; double(n: Option<u32>) -> Option<u32>
  (func (export "double") (param $n f64) (result f64)
    (if (f64.eq (local.get $n) (f64.const 4294967297)) (then (return (local.get $n))))
    (f64.mul (local.get $n) (f64.const 2)))
  ;; half(n: i64) -> Option<i64>
  (func (export "half") (param $n i64) (result i32 i64)
    (i32.eqz (i32.wrap_i64 (i64.and (local.get $n) (i64.const 1))))
    (i64.div_s (local.get $n) (i64.const 2)))
  ;; not(b: bool) -> bool
  (func (export "not") (param i32) (result i32)
    (i32.eqz (local.get 0)))
  ;; reverse(b: &[u8]) -> Vec<u8>
  (func (export "reverse") (param $s i32) (param $len i32) (result i32 i32)
    (local $to i32) (local $n i32)
    (local.set $to (call $malloc (local.get $len) (i32.const 1)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $n) (local.get $len)))
        (i32.store8
          (i32.add (local.get $to) (local.get $n))
          (i32.load8_u (i32.sub (i32.add (local.get $s) (local.get $len)) (i32.add (local.get $n) (i32.const 1)))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $to)
    (local.get $len))
  ;; value() -> JsValue
  (func (export "value") (result externref)
    (call $text (i32.const 1040) (i32.const 11)))
  ;; takes_value(v: JsValue): cannot be called without JavaScript
  (func (export "takes_value") (param externref)))
