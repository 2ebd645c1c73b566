;; Cargo output whose describe functions lie: one does not end, one says nonsense, one says more
;; words than any type has, one claims types that its function does not have.
(module
  (import "__wbindgen_placeholder__" "__wbindgen_describe" (func $describe (param i32)))
  (memory (export "memory") 1)
  (func (export "lies") (param i32) (result i32) (local.get 0))
  (func (export "__wbindgen_describe_lies")
    (call $describe (i32.const 13)) (call $describe (i32.const 0)) (call $describe (i32.const 1))
    (call $describe (i32.const 16)) (call $describe (i32.const 16)) (call $describe (i32.const 16)))
  (func (export "nonsense") (param i32) (result i32) (local.get 0))
  (func (export "__wbindgen_describe_nonsense")
    (call $describe (i32.const 13)) (call $describe (i32.const -1)) (call $describe (i32.const -1)))
  (func (export "floods") (param i32) (result i32) (local.get 0))
  (func (export "__wbindgen_describe_floods")
    (loop $again (call $describe (i32.const 28)) (br $again)))
  (func (export "zz_spins") (param i32) (result i32) (local.get 0))
  (func (export "__wbindgen_describe_zz_spins")
    (loop $again (br $again))))
