;; Imports a memory, which nothing provides.
(module
  (import "env" "memory" (memory 1))
  (func (export "answer") (result i32) (i32.const 42)))
