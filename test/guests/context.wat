;; wasm-bindgen functions that take a context first: say(context: &str, s: &str) joins both with a
;; space, count(context: &str, n: i32) takes a number second.
(module
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 1048576))
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "say") (param $c i32) (param $clen i32) (param $s i32) (param $slen i32) (result i32 i32)
    (local $to i32)
    (local.set $to (call $malloc (i32.add (i32.add (local.get $clen) (local.get $slen)) (i32.const 1)) (i32.const 1)))
    (memory.copy (local.get $to) (local.get $c) (local.get $clen))
    (i32.store8 (i32.add (local.get $to) (local.get $clen)) (i32.const 32))
    (memory.copy
      (i32.add (i32.add (local.get $to) (local.get $clen)) (i32.const 1))
      (local.get $s) (local.get $slen))
    (local.get $to)
    (i32.add (i32.add (local.get $clen) (local.get $slen)) (i32.const 1)))
  (func (export "count") (param $c i32) (param $clen i32) (param $n i32) (result i32)
    (i32.add (local.get $clen) (local.get $n))))
