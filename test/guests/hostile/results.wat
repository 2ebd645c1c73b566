;; wasm-bindgen functions that return texts as (pointer, length), where no text can be.
(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "text")
  (data (i32.const 65532) "last")
  (func (export "__wbindgen_malloc") (param i32 i32) (result i32) (i32.const 2048))
  (func (export "ends_with_its_memory") (result i32 i32) (i32.const 65532) (i32.const 4))
  (func (export "ends_past_its_memory") (result i32 i32) (i32.const 65532) (i32.const 5))
  (func (export "begins_behind_its_memory") (result i32 i32) (i32.const 65536) (i32.const 1))
  (func (export "has_a_negative_length") (result i32 i32) (i32.const 1024) (i32.const -1))
  (func (export "has_the_most_negative_length") (result i32 i32)
    (i32.const 1024) (i32.const 0x80000000))
  (func (export "has_a_negative_pointer") (result i32 i32) (i32.const -4) (i32.const 4))
  (func (export "wraps_around") (result i32 i32) (i32.const 1024) (i32.const 0xfffffc04))
  ;; Nothing is read where there is nothing: what an empty text points to may dangle.
  (func (export "is_empty_anywhere") (result i32 i32) (i32.const -1) (i32.const 0))
  ;; Each frees what it does not own, as a guest's destructor might: nobody calls it.
  (func (export "__wbindgen_free") (param i32 i32 i32) unreachable)
  (func (export "would_trap_when_freed") (result i32 i32) (i32.const 1024) (i32.const 4)))
