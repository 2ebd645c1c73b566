//! The types that a function's arguments and result can have, and how they are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Every name that [`Type`] is written with, for messages.
const NAMES: &str = "text, bytes, bool, char, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, \
                     option<T>, result<T>, none";

/// The longest type's name, in bytes; nesting past it is nonsense, and reading it would recurse.
const NAME_BYTES_MAX: usize = 64;

/// The type of an argument or of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 text.
    Text,
    /// Bytes as they are.
    Bytes,
    /// `true` or `false`.
    Bool,
    /// One Unicode scalar value.
    Char,
    /// A signed 8-bit integer.
    I8,
    /// A signed 16-bit integer.
    I16,
    /// A signed 32-bit integer.
    I32,
    /// A signed 64-bit integer.
    I64,
    /// An unsigned 8-bit integer.
    U8,
    /// An unsigned 16-bit integer.
    U16,
    /// An unsigned 32-bit integer.
    U32,
    /// An unsigned 64-bit integer.
    U64,
    /// A 32-bit floating-point number.
    F32,
    /// A 64-bit floating-point number.
    F64,
    /// A value or nothing; nothing is written as an empty input or an empty result.
    Option(Box<Type>),
    /// A result that may be an error instead. Only a result can have this type.
    Result(Box<Type>),
    /// No value. Only a result can have this type.
    None,
}

impl Type {
    /// Whether a value is a block of the guest's memory.
    pub fn is_block(&self) -> bool {
        matches!(self, Type::Text | Type::Bytes)
    }

    fn name(&self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Bytes => "bytes",
            Type::Bool => "bool",
            Type::Char => "char",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Option(_) => "option",
            Type::Result(_) => "result",
            Type::None => "none",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Option(inner) | Type::Result(inner) => write!(f, "{}<{inner}>", self.name()),
            simple => f.write_str(simple.name()),
        }
    }
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SIMPLE: [Type; 15] = [
            Type::Text,
            Type::Bytes,
            Type::Bool,
            Type::Char,
            Type::I8,
            Type::I16,
            Type::I32,
            Type::I64,
            Type::U8,
            Type::U16,
            Type::U32,
            Type::U64,
            Type::F32,
            Type::F64,
            Type::None,
        ];
        let text = text.trim();
        if text.len() > NAME_BYTES_MAX {
            return Err(format!("A type's name is too long. Use one of: {NAMES}."));
        }
        if let Some(inner) = argument(text, "result") {
            return match inner.parse()? {
                Type::Result(_) => Err(format!("\"{text}\" puts a result into a result.")),
                inner => Ok(Type::Result(Box::new(inner))),
            };
        }
        if let Some(inner) = argument(text, "option") {
            return match inner.parse()? {
                Type::Option(_) | Type::Result(_) | Type::None => Err(format!(
                    "\"{text}\" is no type: an option holds text, bytes or a number."
                )),
                inner => Ok(Type::Option(Box::new(inner))),
            };
        }
        SIMPLE
            .into_iter()
            .find(|known| known.name() == text)
            .ok_or_else(|| format!("\"{text}\" is no type. Use one of: {NAMES}."))
    }
}

fn argument<'a>(text: &'a str, generic: &str) -> Option<&'a str> {
    text.strip_prefix(generic)?
        .trim_start()
        .strip_prefix('<')?
        .strip_suffix('>')
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A core WebAssembly type, as a function's own signature shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Core {
    /// A 32-bit integer or pointer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit floating-point number.
    F32,
    /// A 64-bit floating-point number.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference to a value of the host.
    Externref,
    /// Any other reference.
    Reference,
}

impl From<wasmtime::ValType> for Core {
    fn from(ty: wasmtime::ValType) -> Self {
        match ty {
            wasmtime::ValType::I32 => Core::I32,
            wasmtime::ValType::I64 => Core::I64,
            wasmtime::ValType::F32 => Core::F32,
            wasmtime::ValType::F64 => Core::F64,
            wasmtime::ValType::V128 => Core::V128,
            wasmtime::ValType::Ref(of) if of.heap_type().is_extern() => Core::Externref,
            wasmtime::ValType::Ref(_) => Core::Reference,
        }
    }
}

impl Core {
    /// Whether a value of this type can be read from text and printed.
    pub fn is_number(self) -> bool {
        matches!(self, Core::I32 | Core::I64 | Core::F32 | Core::F64)
    }
}

/// The types of a function: its parameters, and its result where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The parameters, in order.
    pub params: Vec<Type>,
    /// The result; `None` when nobody said, and the shape decides.
    pub result: Option<Type>,
}

impl Signature {
    /// Reads `["text", "i32"]` or `{"params": ["text"], "result": "option<u32>"}`. The error is a
    /// sentence for whoever wrote the JSON.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as a plain value first: an untagged enum would answer every wrong type name with
        // "did not match any variant".
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object {
            params: Vec<Type>,
            #[serde(default)]
            result: Option<Type>,
        }
        let value = serde_json::Value::deserialize(deserializer)?;
        let (params, result) = if value.is_array() {
            (
                serde_json::from_value(value).map_err(de::Error::custom)?,
                None,
            )
        } else {
            let object: Object = serde_json::from_value(value).map_err(de::Error::custom)?;
            (object.params, object.result)
        };
        let misplaced = |param: &&Type| matches!(param, Type::Result(_) | Type::None);
        if let Some(param) = params.iter().find(misplaced) {
            return Err(de::Error::custom(format!(
                "\"{param}\" can only be a result."
            )));
        }
        Ok(Signature { params, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_prints_as_it_is_read() {
        for text in [
            "text",
            "option<u32>",
            "result<option<text>>",
            "result<none>",
            "none",
        ] {
            assert_eq!(text.parse::<Type>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_name_lists_the_valid_ones() {
        let error = Signature::parse(r#"["string"]"#).unwrap_err();
        assert!(
            error.contains("\"string\" is no type. Use one of: text, bytes"),
            "{error}"
        );
    }

    #[test]
    fn nonsense_nesting_is_refused() {
        for text in [
            "option<option<u8>>",
            "result<result<u8>>",
            "option<none>",
            "option<",
        ] {
            assert!(text.parse::<Type>().is_err(), "{text}");
        }
        assert!(Signature::parse(r#"["none"]"#).is_err());
        assert!(Signature::parse(r#"{"params":[],"results":"text"}"#).is_err());
    }

    #[test]
    fn a_signature_is_a_list_or_an_object() {
        let list = Signature::parse(r#"["text","i32"]"#).unwrap();
        assert_eq!(
            list,
            Signature {
                params: vec![Type::Text, Type::I32],
                result: None
            }
        );
        let object = Signature::parse(r#"{"params":["text"],"result":"result<option<u32>>"}"#);
        assert_eq!(
            object.unwrap().result.unwrap().to_string(),
            "result<option<u32>>"
        );
    }
}
