;; A wasm-bindgen module whose results show what reached it: echo(s) -> s, join(a, b) -> "a|b",
;; nothing() -> "no inputs", wide() -> 300,000 letters, spin() never ends, fail(s) traps.
(module
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 1048576))
  (data (i32.const 1024) "no inputs")
  (func $malloc (export "__wbindgen_malloc") (param $size i32) (param $align i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (global.get $free) (local.get $size)))
    (if (i32.gt_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
      (then
        (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))
    (global.get $free)
    (global.set $free (local.get $end)))
  (func (export "__wbindgen_free") (param i32 i32 i32))
  (func (export "echo") (param $s i32) (param $len i32) (result i32 i32)
    (local.get $s) (local.get $len))
  (func (export "nothing") (result i32 i32) (i32.const 1024) (i32.const 9))
  (func (export "join") (param $a i32) (param $alen i32) (param $b i32) (param $blen i32) (result i32 i32)
    (local $to i32)
    (local.set $to
      (call $malloc (i32.add (i32.add (local.get $alen) (local.get $blen)) (i32.const 1)) (i32.const 1)))
    (memory.copy (local.get $to) (local.get $a) (local.get $alen))
    (i32.store8 (i32.add (local.get $to) (local.get $alen)) (i32.const 124))
    (memory.copy
      (i32.add (i32.add (local.get $to) (local.get $alen)) (i32.const 1))
      (local.get $b) (local.get $blen))
    (local.get $to)
    (i32.add (i32.add (local.get $alen) (local.get $blen)) (i32.const 1)))
  (func (export "wide") (result i32 i32)
    (memory.fill (i32.const 1048576) (i32.const 119) (i32.const 300000))
    (i32.const 1048576) (i32.const 300000))
  (func (export "fail") (param i32 i32) (result i32 i32) unreachable)
  (func (export "spin") (param i32 i32) (result i32 i32) (loop $again (br $again)) unreachable))
