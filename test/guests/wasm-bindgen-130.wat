;; What wasm-bindgen 0.2.119 and later make of a stripped program, by shape: imports from the
;; module's own JavaScript file, the allocator under a counted name, a table of 1028 places, casts
;; as generic imports, none of an optional 32-bit number is 9007199254740991.
(module
  (import "./hello_bg.js" "__wbindgen_generic_0000000000000001" (func $text (param i32 i32) (result externref)))
  (import "./hello_bg.js" "__wbg___wbindgen_throw_0123456789abcdef" (func $throw (param i32 i32)))
  (import "./hello_bg.js" "__wbindgen_init_externref_table" (func $init))
  (memory (export "memory") 32)
  (table $refs (export "__wbindgen_externrefs") 1028 externref)
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "hello ")
  (data (i32.const 1040) "it is empty")
  (func (export "__wbindgen_start") (call $init))
  (func $malloc (export "__wbindgen_export") (param $size i32) (param $align i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "__wbindgen_export2") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "__wbindgen_export3") (param i32 i32 i32))
  ;; say(s: &str) -> String
  (func (export "say") (param $s i32) (param $len i32) (result i32 i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6)) (i32.const 1)))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (local.get $to)
    (i32.add (local.get $len) (i32.const 6)))
  ;; fail() -> Result<String, JsValue>
  (func (export "fail") (result i32 i32 i32 i32)
    (local $at i32)
    (local.set $at (table.grow $refs (call $text (i32.const 1040) (i32.const 11)) (i32.const 1)))
    (i32.const 0) (i32.const 0) (local.get $at) (i32.const 1))
  ;; throws() -> String
  (func (export "throws") (result i32 i32)
    (call $throw (i32.const 1040) (i32.const 11))
    unreachable)
  ;; double(n: Option<u32>) -> Option<u32>
  (func (export "double") (param $n f64) (result f64)
    (if (f64.eq (local.get $n) (f64.const 9007199254740991)) (then (return (local.get $n))))
    (f64.mul (local.get $n) (f64.const 2))))
