;; What cargo makes for wasm-bindgen 0.2.100, before the wasm-bindgen program processes it: no
;; stack pointer is exported, and describe functions tell the exact types, word by word.
(module
  (import "__wbindgen_placeholder__" "__wbindgen_describe" (func $describe (param i32)))
  (import "__wbindgen_placeholder__" "__wbindgen_describe_cast" (func $cast (param i32 i32) (result i32)))
  (import "__wbindgen_placeholder__" "__wbindgen_error_new" (func $error (param i32 i32) (result i32)))
  (import "__wbindgen_externref_xform__" "__wbindgen_externref_table_grow" (func (param i32) (result i32)))
  (import "__wbindgen_externref_xform__" "__wbindgen_externref_table_set_null" (func (param i32)))
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "hello ")
  (data (i32.const 1040) "it is empty")
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32)
    (global.set $free
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func $say (export "say") (param $area i32) (param $s i32) (param $len i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (local.get $len) (i32.const 6)) (i32.const 1)))
    (memory.copy (local.get $to) (i32.const 1024) (i32.const 6))
    (memory.copy (i32.add (local.get $to) (i32.const 6)) (local.get $s) (local.get $len))
    (i32.store (local.get $area) (local.get $to))
    (i32.store offset=4 (local.get $area) (i32.add (local.get $len) (i32.const 6))))
  ;; FUNCTION, index, one argument, REF STRING, result STRING, inner result STRING
  (func (export "__wbindgen_describe_say")
    (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 1))
    (call $describe (i32.const 17)) (call $describe (i32.const 16))
    (call $describe (i32.const 16)) (call $describe (i32.const 16)))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  ;; FUNCTION, index, two arguments, U32 U32, result U32, inner result U32
  (func (export "__wbindgen_describe_add")
    (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 2))
    (call $describe (i32.const 5)) (call $describe (i32.const 5))
    (call $describe (i32.const 5)) (call $describe (i32.const 5)))
  ;; greet(s: &str) -> Result<String, JsValue>: an error for an empty text, made by a cast
  (func (export "greet") (param $area i32) (param $s i32) (param $len i32)
    (call $say (local.get $area) (local.get $s) (local.get $len))
    (i64.store offset=8 (local.get $area) (i64.const 0))
    (if (i32.eqz (local.get $len))
      (then
        ;; The primitives of the text, and its types: REF STRING to EXTERNREF.
        (i32.store (i32.const 2048) (i32.const 1040))
        (i32.store (i32.const 2052) (i32.const 11))
        (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 1))
        (call $describe (i32.const 17)) (call $describe (i32.const 16))
        (call $describe (i32.const 22)) (call $describe (i32.const 22))
        (i32.store offset=8 (local.get $area) (i32.load (call $cast (i32.const 1) (i32.const 2048))))
        (i32.store offset=12 (local.get $area) (i32.const 1)))))
  ;; FUNCTION, index, one argument, REF STRING, result RESULT STRING, inner result the same
  (func (export "__wbindgen_describe_greet")
    (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 1))
    (call $describe (i32.const 17)) (call $describe (i32.const 16))
    (call $describe (i32.const 29)) (call $describe (i32.const 16))
    (call $describe (i32.const 29)) (call $describe (i32.const 16)))
  ;; callback(f: &Function): a JavaScript value
  (func (export "callback") (param i32))
  ;; FUNCTION, index, one argument, REF EXTERNREF, result UNIT, inner result UNIT
  (func (export "__wbindgen_describe_callback")
    (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 1))
    (call $describe (i32.const 17)) (call $describe (i32.const 22))
    (call $describe (i32.const 30)) (call $describe (i32.const 30))))
