//! Between bytes that people send and values that guests take: parsing inputs as their types,
//! and printing results.

use serde_json::json;
use wasmtime::Val;

use crate::error::{Code, Failure};
use crate::types::{Core, Type};

/// One argument's worth of core parameters.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// Bytes to copy into the guest: a pointer and a length.
    Block(&'a [u8]),
    /// A core value as it is.
    Core(Val),
}

/// How a generation of guests lays out the values that changed between versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// A 64-bit integer is two i32, low word first (wasm-bindgen before 0.2.83).
    pub split_i64: bool,
    /// An optional 32-bit number is one f64 (wasm-bindgen since 0.2.96), else a flag and a value.
    pub option_as_f64: bool,
    /// The f64 that means nothing where `option_as_f64`.
    pub none_f64: f64,
}

/// What an optional 8-bit or 16-bit number, bool or char is when it is nothing.
pub const NONE_I32: i32 = 0x00FF_FFFF;
/// The f64 that means nothing from wasm-bindgen 0.2.96 on.
pub const NONE_F64_OLD: f64 = 4_294_967_297.0;
/// The f64 that means nothing from wasm-bindgen 0.2.119 on.
pub const NONE_F64: f64 = 9_007_199_254_740_991.0;

impl Layout {
    /// The core types that a value of this type is made of.
    pub fn flatten(&self, ty: &Type) -> Vec<Core> {
        match ty {
            Type::Text | Type::Bytes => vec![Core::I32, Core::I32],
            Type::I64 | Type::U64 if self.split_i64 => vec![Core::I32, Core::I32],
            Type::I64 | Type::U64 => vec![Core::I64],
            Type::F32 => vec![Core::F32],
            Type::F64 => vec![Core::F64],
            Type::None => vec![],
            Type::Option(inner) => match **inner {
                Type::I32 | Type::U32 | Type::F32 if self.option_as_f64 => vec![Core::F64],
                ref inner if is_small(inner) || inner.is_block() => self.flatten(inner),
                ref inner => [vec![Core::I32], self.flatten(inner)].concat(),
            },
            Type::Result(inner) => [self.flatten(inner), vec![Core::I32, Core::I32]].concat(),
            _ => vec![Core::I32],
        }
    }

    /// Reads `input` as a value of `ty`, where `position` counts from one, and appends the value.
    pub fn lower<'a>(
        &self,
        ty: &Type,
        input: &'a [u8],
        position: usize,
        args: &mut Vec<Arg<'a>>,
    ) -> Result<(), Failure> {
        match ty {
            Type::Option(inner) if input.is_empty() => {
                self.lower_nothing(inner, args);
                Ok(())
            }
            Type::Option(inner) => match **inner {
                Type::I32 | Type::U32 | Type::F32 if self.option_as_f64 => {
                    let value = match scalar(inner, input, position)? {
                        Val::I32(value) if **inner == Type::U32 => f64::from(value as u32),
                        Val::I32(value) => f64::from(value),
                        Val::F32(bits) => f64::from(f32::from_bits(bits)),
                        _ => unreachable!("a 32-bit type parses to a 32-bit value"),
                    };
                    args.push(Arg::Core(Val::from(value)));
                    Ok(())
                }
                ref inner if is_small(inner) || inner.is_block() => {
                    self.lower(inner, input, position, args)
                }
                ref inner => {
                    args.push(Arg::Core(Val::I32(1)));
                    self.lower(inner, input, position, args)
                }
            },
            Type::Text if std::str::from_utf8(input).is_err() => {
                Err(mismatch(ty, position, "it is not UTF-8"))
            }
            Type::Text | Type::Bytes => {
                args.push(Arg::Block(input));
                Ok(())
            }
            _ => {
                match scalar(ty, input, position)? {
                    Val::I64(value) if self.split_i64 => {
                        args.push(Arg::Core(Val::I32(value as i32)));
                        args.push(Arg::Core(Val::I32((value >> 32) as i32)));
                    }
                    value => args.push(Arg::Core(value)),
                }
                Ok(())
            }
        }
    }

    fn lower_nothing(&self, inner: &Type, args: &mut Vec<Arg<'_>>) {
        if is_small(inner) {
            args.push(Arg::Core(Val::I32(NONE_I32)));
        } else if self.option_as_f64 && matches!(inner, Type::I32 | Type::U32 | Type::F32) {
            args.push(Arg::Core(Val::from(self.none_f64)));
        } else {
            let nothing = self.flatten(&Type::Option(Box::new(inner.clone())));
            args.extend(nothing.iter().map(|ty| Arg::Core(zero(*ty))));
        }
    }
}

/// The value of `ty` that is zero, for a numeric core type.
pub fn zero(ty: Core) -> Val {
    match ty {
        Core::I64 => Val::I64(0),
        Core::F32 => Val::F32(0),
        Core::F64 => Val::F64(0),
        _ => Val::I32(0),
    }
}

/// Whether nothing of this type has a value of its own in an i32.
fn is_small(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Bool | Type::Char | Type::I8 | Type::I16 | Type::U8 | Type::U16
    )
}

/// Reads an input as the core type of its parameter: how a number is taken where nobody
/// declared types. An i32 may be written signed or unsigned.
pub fn number(ty: Core, input: &[u8]) -> Option<Val> {
    let text = std::str::from_utf8(input).ok()?.trim();
    match ty {
        Core::I32 => text
            .parse()
            .or_else(|_| text.parse::<u32>().map(|n| n as i32))
            .ok()
            .map(Val::I32),
        Core::I64 => text
            .parse()
            .or_else(|_| text.parse::<u64>().map(|n| n as i64))
            .ok()
            .map(Val::I64),
        Core::F32 => text.parse::<f32>().ok().map(Val::from),
        Core::F64 => text.parse::<f64>().ok().map(Val::from),
        _ => None,
    }
}

fn scalar(ty: &Type, input: &[u8], position: usize) -> Result<Val, Failure> {
    let text = std::str::from_utf8(input).map_err(|_| mismatch(ty, position, "it is not UTF-8"))?;
    let value = match ty {
        Type::Char => return one_char(text, position),
        Type::Bool => text
            .trim()
            .parse()
            .map(|value: bool| Val::I32(value.into()))
            .ok(),
        Type::I8 => text.trim().parse::<i8>().map(|n| Val::I32(n.into())).ok(),
        Type::I16 => text.trim().parse::<i16>().map(|n| Val::I32(n.into())).ok(),
        Type::I32 => text.trim().parse().map(Val::I32).ok(),
        Type::I64 => text.trim().parse().map(Val::I64).ok(),
        Type::U8 => text.trim().parse::<u8>().map(|n| Val::I32(n.into())).ok(),
        Type::U16 => text.trim().parse::<u16>().map(|n| Val::I32(n.into())).ok(),
        Type::U32 => text.trim().parse::<u32>().map(|n| Val::I32(n as i32)).ok(),
        Type::U64 => text.trim().parse::<u64>().map(|n| Val::I64(n as i64)).ok(),
        Type::F32 => text.trim().parse::<f32>().map(Val::from).ok(),
        Type::F64 => text.trim().parse::<f64>().map(Val::from).ok(),
        Type::Text | Type::Bytes | Type::Option(_) | Type::Result(_) | Type::None => None,
    };
    value.ok_or_else(|| {
        let why = if *ty == Type::Bool {
            "it is neither true nor false"
        } else {
            "it does not parse"
        };
        mismatch(ty, position, why)
    })
}

fn one_char(text: &str, position: usize) -> Result<Val, Failure> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Ok(Val::I32(u32::from(only) as i32)),
        _ => Err(mismatch(&Type::Char, position, "it is not one character")),
    }
}

fn mismatch(ty: &Type, position: usize, why: &str) -> Failure {
    Failure::new(
        Code::InputTypeMismatch,
        format!("Argument {position} must be {ty}: {why}."),
    )
    .with(json!({ "argument": position, "type": ty.to_string(), "reason": why }))
}

/// Prints a core value whose type nobody declared: integers as signed.
pub fn print(value: &Val) -> Option<String> {
    Some(match value {
        Val::I32(n) => n.to_string(),
        Val::I64(n) => n.to_string(),
        Val::F32(bits) => print_float(f64::from(f32::from_bits(*bits)), f32::from_bits(*bits)),
        Val::F64(bits) => print_float(f64::from_bits(*bits), f64::from_bits(*bits)),
        _ => return None,
    })
}

/// Prints a float as JavaScript names its special values; `shortest` prints the others.
fn print_float(value: f64, shortest: impl std::fmt::Display) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    shortest.to_string()
}

/// Prints a value that `values` hold as a scalar of type `ty`. `None` when they cannot.
pub fn print_as(ty: &Type, values: &[Val]) -> Option<String> {
    Some(match (ty, values) {
        (Type::Bool, [Val::I32(n)]) => (*n != 0).to_string(),
        (Type::Char, [Val::I32(n)]) => char::from_u32(*n as u32)?.to_string(),
        (Type::I8, [Val::I32(n)]) => (*n as i8).to_string(),
        (Type::I16, [Val::I32(n)]) => (*n as i16).to_string(),
        (Type::U8, [Val::I32(n)]) => (*n as u8).to_string(),
        (Type::U16, [Val::I32(n)]) => (*n as u16).to_string(),
        (Type::U32, [Val::I32(n)]) => (*n as u32).to_string(),
        (Type::U64, [Val::I64(n)]) => (*n as u64).to_string(),
        (Type::I64, [Val::I32(low), Val::I32(high)]) => joined(*low, *high).to_string(),
        (Type::U64, [Val::I32(low), Val::I32(high)]) => (joined(*low, *high) as u64).to_string(),
        // An optional 32-bit number that came as an f64.
        (Type::F32, [Val::F64(bits)]) => print(&Val::from(f64::from_bits(*bits) as f32))?,
        (Type::I32 | Type::U32, [Val::F64(bits)]) => f64::from_bits(*bits).to_string(),
        (Type::I32 | Type::I64 | Type::F32 | Type::F64, [value]) => print(value)?,
        _ => return None,
    })
}

fn joined(low: i32, high: i32) -> i64 {
    i64::from(high) << 32 | i64::from(low as u32)
}

/// Whether the values of an option hold nothing, and what they hold else.
pub fn unwrap_option<'v>(inner: &Type, values: &'v [Val]) -> Option<&'v [Val]> {
    let nothing = match values {
        [Val::I32(n)] => *n == NONE_I32,
        [Val::F64(bits)] => [NONE_F64, NONE_F64_OLD].contains(&f64::from_bits(*bits)),
        [Val::I32(ptr), _] if inner.is_block() => *ptr == 0,
        [Val::I32(0), ..] => true,
        [Val::I32(_), rest @ ..] => return Some(rest),
        _ => false,
    };
    (!nothing).then_some(values)
}

/// An input is not the number that its parameter takes.
pub fn not_a_number(core: Core, position: usize) -> Failure {
    let ty = match core {
        Core::I64 => Type::I64,
        Core::F32 => Type::F32,
        Core::F64 => Type::F64,
        _ => Type::I32,
    };
    mismatch(&ty, position, "it does not parse")
}
