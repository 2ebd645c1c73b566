;; wasm-bindgen functions whose results are not what they should be: outside the memory, too long,
;; overflowing, not UTF-8, longer than a call may return, not written.
(module
  (memory (export "memory") 17)
  (data (i32.const 1024) "\ff\fe text")
  (func (export "__wbindgen_malloc") (param i32 i32) (result i32) (i32.const 65536))
  (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32) (i32.const 1048000))
  (func (export "outside") (result i32 i32) (i32.const -16) (i32.const 8))
  (func (export "past_the_end") (result i32 i32) (i32.const 1114104) (i32.const 9))
  (func (export "overflow") (result i32 i32) (i32.const -1) (i32.const -1))
  (func (export "not_utf8") (result i32 i32) (i32.const 1024) (i32.const 7))
  (func (export "everything") (result i32 i32) (i32.const 0) (i32.const 1114112))
  (func (export "unwritten") (param i32))
  ;; An error at a place of the heap where nothing is.
  (func (export "no_such_error") (result i32 i32 i32 i32)
    (i32.const 0) (i32.const 0) (i32.const 123456) (i32.const 1)))
