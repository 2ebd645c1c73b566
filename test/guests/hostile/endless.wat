;; Functions that never end, each by another construct: an epoch has to reach all of them.
(module
  (type $nothing (func))
  (memory (export "memory") 16)
  (table $table 1000 funcref)
  (elem (i32.const 0) $indirect)
  (data $segment "0123456789abcdef")
  (func (export "loop") (loop $again (br $again)))
  (func (export "branch_table") (loop $again (br_table $again $again (i32.const 7))))
  (func $tail (export "tail_calls") (return_call $tail))
  (func $indirect (export "indirect_tail_calls")
    (return_call_indirect (type $nothing) (i32.const 0)))
  ;; 2^60 calls, sixty deep.
  (func $tree (param $depth i32)
    (if (local.get $depth)
      (then
        (call $tree (i32.sub (local.get $depth) (i32.const 1)))
        (call $tree (i32.sub (local.get $depth) (i32.const 1))))))
  (func (export "tree_of_calls") (call $tree (i32.const 60)))
  (func (export "fills_memory")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x100000))
      (br $again)))
  (func (export "copies_memory")
    (loop $again
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 0xfffff))
      (br $again)))
  (func (export "initialises_memory")
    (loop $again
      (memory.init $segment (i32.const 0) (i32.const 0) (i32.const 16))
      (br $again)))
  (func (export "fills_table")
    (loop $again
      (table.fill $table (i32.const 0) (ref.func $indirect) (i32.const 1000))
      (br $again)))
  (func (export "grows_by_nothing")
    (loop $again
      (drop (memory.grow (i32.const 0)))
      (br $again)))
  (func (export "grows_in_vain")
    (loop $again
      (drop (memory.grow (i32.const 65535)))
      (br $again))))
