//! What each import does. An import is chosen by its plain name and its shape together, because
//! the same name has meant different things: `error` logs a text, logs values, or nothing of it.

use serde_json::json;
use wasmtime::Val;

use super::call::Call;
use super::values::{FIRST_INDEX, Value, clipped};
use super::{casts, random};
use crate::error::{Code, Failure};
use crate::types::Core;

/// An import that is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Throw,
    Rethrow,
    InitTable,
    NewError,
    NewText,
    NewNumber,
    NewSigned,
    NewUnsigned,
    NewObject,
    NewBytes,
    NewView,
    Clone,
    Drop,
    Same,
    Is(Test),
    LogText,
    LogValues,
    Stack,
    DebugText,
    TextOf,
    Now,
    TimeOf,
    Random(random::Random),
    Length,
    Describe,
    DescribeCast,
    TableGrow,
    TableSetNull,
    StaticsEnd,
}

/// What a guest may ask of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Undefined,
    Null,
    NullOrUndefined,
    Object,
    Function,
    Text,
    Falsy,
}

impl Function {
    /// The import of that plain name and shape, if it is provided.
    pub(super) fn find(name: String, params: &[Core], results: &[Core]) -> Option<Function> {
        use Core::{F64, I32, I64};
        use Function as F;
        let refs = |cores: &[Core]| cores.iter().all(|core| is_ref(*core));
        let gives_ref = matches!(results, [only] if is_ref(*only));
        let gives_flag = results == [I32];
        let nothing = results.is_empty();
        Some(match (name.as_str(), params) {
            ("throw", [I32, I32]) => F::Throw,
            ("rethrow", [only]) if is_ref(*only) => F::Rethrow,
            ("initexternreftable", []) if nothing => F::InitTable,
            ("Error" | "errornew", [I32, I32]) if gives_ref => F::NewError,
            ("new", [I32, I32]) if gives_ref => F::NewError,
            ("stringnew" | "cast", [I32, I32]) if gives_ref => F::NewText,
            ("numbernew" | "cast", [F64]) if gives_ref => F::NewNumber,
            ("bigintfromi64" | "cast", [I64]) if gives_ref => F::NewSigned,
            ("bigintfromu64", [I64]) if gives_ref => F::NewUnsigned,
            ("objectcloneref", [_]) if gives_ref && refs(params) => F::Clone,
            ("objectdropref", [I32]) if nothing => F::Drop,
            ("jsvaleq", [_, _]) if gives_flag && refs(params) => F::Same,
            ("isundefined", [_]) if gives_flag => F::Is(Test::Undefined),
            ("isnull", [_]) if gives_flag => F::Is(Test::Null),
            ("isnullorundefined", [_]) if gives_flag => F::Is(Test::NullOrUndefined),
            ("isobject", [_]) if gives_flag => F::Is(Test::Object),
            ("isfunction", [_]) if gives_flag => F::Is(Test::Function),
            ("isstring", [_]) if gives_flag => F::Is(Test::Text),
            ("isfalsy", [_]) if gives_flag => F::Is(Test::Falsy),
            ("error" | "log" | "warn" | "info" | "debug", [I32, I32]) if nothing => F::LogText,
            ("error" | "log" | "warn" | "info" | "debug", [_, ..]) if nothing && refs(params) => {
                F::LogValues
            }
            ("stack", [I32, other]) if nothing && is_ref(*other) => F::Stack,
            ("debugstring", [I32, other]) if nothing && is_ref(*other) => F::DebugText,
            ("stringget", [I32, other]) if nothing && is_ref(*other) => F::TextOf,
            ("now", []) if results == [F64] => F::Now,
            ("getTime", [_]) if results == [F64] => F::TimeOf,
            ("length", [_]) if gives_flag => F::Length,
            ("describe", [I32]) if nothing => F::Describe,
            ("describecast" | "describegenericimport", [I32, I32]) if gives_flag => F::DescribeCast,
            ("externreftablegrow" | "anyreftablegrow", [I32]) if gives_flag => F::TableGrow,
            ("externreftablesetnull" | "anyreftablesetnull", [I32]) if nothing => F::TableSetNull,
            ("externrefstaticsend", []) if gives_flag => F::StaticsEnd,
            ("newwithlength", [I32]) if gives_ref => F::NewBytes,
            ("newwithbyteoffsetandlength", [_, I32, I32]) if gives_ref => F::NewView,
            (
                "new"
                | "new0"
                | "memory"
                | "buffer"
                | "crypto"
                | "staticaccessorGLOBALTHIS"
                | "staticaccessorGLOBAL"
                | "staticaccessorSELF"
                | "staticaccessorWINDOW"
                | "globalThis"
                | "self"
                | "window"
                | "global",
                _,
            ) if gives_ref && refs(params) && params.len() < 2 => F::NewObject,
            (random_name, _) => F::Random(random::Random::find(random_name, params, results)?),
        })
    }

    /// Carries out a call.
    pub(super) fn call(self, mut call: Call<'_, '_>) -> wasmtime::Result<()> {
        match self {
            Function::Throw => {
                let text = call.text(0, 1)?;
                Err(thrown(text).into())
            }
            // Before wasm-bindgen 0.2.79 this is how a function returns an error.
            Function::Rethrow => {
                let text = call.value(0);
                Err(Failure::function_error(Some(&text.text())).into())
            }
            Function::InitTable => call.init_table(),
            Function::NewError => {
                let text = call.text(0, 1)?;
                call.give(Value::Error(text))
            }
            Function::NewText => {
                let text = call.text(0, 1)?;
                call.give(Value::Text(text))
            }
            Function::NewNumber => {
                let number = call.params[0].f64().unwrap_or(f64::NAN);
                call.give(Value::Number(number))
            }
            Function::NewSigned => {
                let number = call.params[0].i64().unwrap_or(0);
                call.give(Value::BigInt(number.into()))
            }
            Function::NewUnsigned => {
                let number = call.params[0].i64().unwrap_or(0) as u64;
                call.give(Value::BigInt(number.into()))
            }
            Function::NewObject => call.give(Value::Object),
            Function::NewBytes => {
                let bytes = call.new_bytes(call.number(0))?;
                call.give(bytes)
            }
            Function::NewView => {
                let view = Value::View {
                    ptr: call.number(1),
                    len: call.number(2),
                };
                call.give(view)
            }
            Function::Clone => {
                let value = call.value(0);
                call.give(value)
            }
            Function::Drop => {
                let index = call.number(0);
                call.caller.data_mut().bindgen.forget(index);
                Ok(())
            }
            Function::Same => {
                let same = call.index(0) == call.index(1);
                call.answer(same.into())
            }
            Function::Is(test) => {
                let value = call.value(0);
                call.answer(test.holds(&value).into())
            }
            Function::LogText => {
                let text = call.text(0, 1)?;
                call.log(&text);
                Ok(())
            }
            Function::LogValues => {
                call.log_values();
                Ok(())
            }
            // An empty text: its pointer may be any but zero, as Rust's own empty text has it.
            Function::Stack => call.write_words([1, 0]),
            Function::DebugText => {
                let value = call.value(1);
                call.give_text(&value.text())
            }
            Function::TextOf => match call.value(1) {
                Value::Text(text) => call.give_text(&text),
                _ => call.write_words([0, 0]),
            },
            Function::Now | Function::TimeOf => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                call.results[0] = Val::from(now.map_or(0.0, |now| now.as_millis() as f64));
                Ok(())
            }
            Function::Random(random) => random.call(call),
            Function::Length => {
                let length = match call.value(0) {
                    Value::Bytes(bytes) => bytes.len() as u32,
                    Value::View { len, .. } => len,
                    _ => 0,
                };
                call.answer(length)
            }
            Function::Describe => {
                let word = call.number(0);
                casts::describe(&mut call.caller.data_mut().bindgen, word)
            }
            Function::DescribeCast => casts::cast(call),
            // Cargo's output has no table; nothing in it refers to one while a function runs.
            Function::TableGrow => call.answer(u32::MAX),
            Function::TableSetNull => Ok(()),
            Function::StaticsEnd => call.answer(FIRST_INDEX),
        }
    }
}

fn is_ref(core: Core) -> bool {
    matches!(core, Core::I32 | Core::Externref)
}

fn thrown(text: String) -> Failure {
    let text = clipped(&text);
    Failure::new(Code::Trap, format!("The function threw: {text}"))
        .with(json!({ "trap": "throw", "message": text }))
}

impl Test {
    fn holds(self, value: &Value) -> bool {
        match self {
            Test::Undefined => matches!(value, Value::Undefined),
            Test::Null => matches!(value, Value::Null),
            Test::NullOrUndefined => matches!(value, Value::Undefined | Value::Null),
            Test::Object => {
                matches!(value, Value::Object | Value::Bytes(_) | Value::Error(_))
            }
            Test::Function => false,
            Test::Text => matches!(value, Value::Text(_)),
            Test::Falsy => {
                matches!(value, Value::Undefined | Value::Null | Value::Bool(false))
            }
        }
    }
}
