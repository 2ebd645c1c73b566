;; Imports a function that nothing provides: `calls` calls it, `answer` does not.
(module
  (import "env" "launch" (func $launch (param i32) (result i32)))
  (func (export "calls") (param i32) (result i32) (call $launch (local.get 0)))
  (func (export "answer") (result i32) (i32.const 42)))
