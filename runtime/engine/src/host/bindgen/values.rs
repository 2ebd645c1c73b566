//! The values of the host that a guest holds references to. A reference is an index: as a number
//! in guests without reference types, as an unboxed `i31` in those with them, so that no
//! reference needs a garbage-collected heap.

use std::borrow::Cow;

use wasmtime::{AnyRef, AsContextMut, ExternRef, I31, Val};

use crate::error::{Code, Failure};

/// Values that one call may hold. A guest that drops what it uses needs a few.
const VALUES_MAX: usize = 100_000;
/// The text and bytes that all values of a call may hold together.
const VALUE_BYTES_MAX: usize = 16 << 20;
/// What is kept of an error's text, in bytes: it is for people to read.
const ERROR_TEXT_BYTES_MAX: usize = 16 << 10;
/// The first index given out. Below it guests keep constants of their own version: undefined,
/// null, true, false behind 32, 128 or 1024 reserved places.
pub(super) const FIRST_INDEX: u32 = 1028;
/// Where the constants begin, by version.
const CONSTANTS: [u32; 3] = [32, 128, 1024];

/// A value of the host.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    BigInt(i128),
    Text(String),
    /// An error with its message.
    Error(String),
    /// A byte array of the host's own.
    Bytes(Vec<u8>),
    /// A byte array that lies in the guest's memory.
    View {
        ptr: u32,
        len: u32,
    },
    /// A thing that is only passed around, such as the global object.
    Object,
}

impl Value {
    fn size(&self) -> usize {
        match self {
            Value::Text(text) | Value::Error(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// The value as JavaScript's `String(value)` has it, as far as a text is needed.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Undefined => "undefined".into(),
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string().into(),
            Value::Number(value) => value.to_string().into(),
            Value::BigInt(value) => value.to_string().into(),
            Value::Text(text) | Value::Error(text) => text.into(),
            Value::Bytes(_) | Value::View { .. } => "[object Uint8Array]".into(),
            Value::Object => "[object Object]".into(),
        }
    }
}

/// A call's values.
#[derive(Default)]
pub struct Bindgen {
    values: Vec<Option<Value>>,
    free: Vec<usize>,
    bytes: usize,
    /// What the guest describes of its types: the words of a describe function or of a cast.
    pub(super) described: Vec<u32>,
    /// Whether the guest's table is still to be set up.
    pub(super) table_is_due: bool,
}

impl Bindgen {
    /// The text of the value at `index`, if a value is there.
    pub fn text(&self, index: u32) -> Option<String> {
        self.own(index).map(|value| value.text().into_owned())
    }

    /// Whether so much is held that a further call of the same instance might find too little
    /// room: guests with reference types drop references without telling the host.
    pub fn is_half_full(&self) -> bool {
        self.held() > VALUES_MAX / 2 || self.bytes > VALUE_BYTES_MAX / 2
    }

    fn held(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Takes what a describe function said.
    pub fn take_described(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.described)
    }

    /// The value at `index`, or the constant that guests of any version mean by it.
    pub(super) fn value(&self, index: u32) -> Cow<'_, Value> {
        if let Some(value) = self.own(index) {
            return Cow::Borrowed(value);
        }
        Cow::Owned(
            match CONSTANTS
                .iter()
                .filter_map(|first| index.checked_sub(*first))
                .find(|at| *at < 4)
            {
                Some(1) => Value::Null,
                Some(2) => Value::Bool(true),
                Some(3) => Value::Bool(false),
                _ => Value::Undefined,
            },
        )
    }

    fn own(&self, index: u32) -> Option<&Value> {
        self.values
            .get(index.checked_sub(FIRST_INDEX)? as usize)?
            .as_ref()
    }

    /// Keeps a value and gives its index.
    pub(super) fn keep(&mut self, value: Value) -> Result<u32, Failure> {
        self.bytes = self.bytes.saturating_add(value.size());
        check_size(self.bytes)?;
        if self.held() >= VALUES_MAX {
            return Err(too_many());
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.values[place] = Some(value);
                place
            }
            None => {
                self.values.push(Some(value));
                self.values.len() - 1
            }
        };
        Ok(FIRST_INDEX + place as u32)
    }

    /// Puts another value in the place of the one at `index`.
    pub(super) fn replace(&mut self, index: u32, value: Value) {
        let place = index
            .checked_sub(FIRST_INDEX)
            .and_then(|at| self.values.get_mut(at as usize));
        if let Some(Some(place)) = place {
            *place = value;
        }
    }

    /// Forgets the value at `index`; the guest may drop what it never had.
    pub(super) fn forget(&mut self, index: u32) {
        let Some(place) = index.checked_sub(FIRST_INDEX).map(|place| place as usize) else {
            return;
        };
        if let Some(value) = self.values.get_mut(place).and_then(Option::take) {
            self.bytes = self.bytes.saturating_sub(value.size());
            self.free.push(place);
        }
    }
}

/// The beginning of an error's text, where it is longer than anybody reads.
pub fn clipped(text: &str) -> String {
    clipped_to(text, ERROR_TEXT_BYTES_MAX)
}

/// The first `bytes` of a text, with a sign that more came.
pub fn clipped_to(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut beginning = text[..text.floor_char_boundary(bytes)].to_owned();
    beginning.push('…');
    beginning
}

/// Fails when values of `bytes` in all are more than a call may hold.
pub(super) fn check_size(bytes: usize) -> Result<(), Failure> {
    if bytes > VALUE_BYTES_MAX {
        Err(too_many())
    } else {
        Ok(())
    }
}

fn too_many() -> Failure {
    let message = format!(
        "The function holds more than {VALUES_MAX} JavaScript values, or more than \
         {VALUE_BYTES_MAX} bytes of them."
    );
    Failure::new(Code::MemoryLimit, message)
}

/// The index that a reference stands for, in either form.
pub fn index_of(value: &Val, mut store: impl AsContextMut) -> Option<u32> {
    match value {
        Val::I32(index) => Some(*index as u32),
        Val::ExternRef(Some(reference)) => {
            let unboxed = AnyRef::convert_extern(&mut store, *reference).ok()?;
            Some(unboxed.as_i31(&store).ok()??.get_u32())
        }
        _ => None,
    }
}

/// The reference that stands for `index`, for guests with reference types.
pub(super) fn reference(
    index: u32,
    mut store: impl AsContextMut,
) -> wasmtime::Result<wasmtime::Rooted<ExternRef>> {
    let unboxed = AnyRef::from_i31(&mut store, I31::wrapping_u32(index));
    ExternRef::convert_any(&mut store, unboxed)
}
