;; A wasm-bindgen function whose stack pointer is outside the memory: say(s: &str) -> String.
(module
  (memory (export "memory") 1)
  (func (export "__wbindgen_malloc") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32) (i32.const -8))
  (func (export "say") (param i32 i32 i32)))
