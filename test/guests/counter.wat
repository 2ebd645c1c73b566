;; Counts its calls in its memory, in a global and in a table: in a fresh instance each reads 1.
;; `wide` writes far into the memory and grows the table first, so that a reset has much to undo.
(module
  (memory (export "memory") 4)
  (global $global (mut i32) (i32.const 0))
  (table $table 8 funcref)
  (elem declare func $mark)
  (func $mark)
  (func $count (export "count") (result i32 i32 i32)
    (local $filled i32)
    (i32.store (i32.const 200000) (i32.add (i32.load (i32.const 200000)) (i32.const 1)))
    (global.set $global (i32.add (global.get $global) (i32.const 1)))
    (block $done
      (loop $next
        (br_if $done (ref.is_null (table.get $table (local.get $filled))))
        (local.set $filled (i32.add (local.get $filled) (i32.const 1)))
        (br $next)))
    (table.set $table (local.get $filled) (ref.func $mark))
    (i32.load (i32.const 200000))
    (global.get $global)
    (i32.add (local.get $filled) (i32.const 1)))
  (func (export "wide") (result i32 i32 i32)
    (drop (memory.grow (i32.const 8)))
    (drop (table.grow $table (ref.func $mark) (i32.const 8)))
    (memory.fill (i32.const 262144) (i32.const 255) (i32.const 524288))
    (call $count)))
