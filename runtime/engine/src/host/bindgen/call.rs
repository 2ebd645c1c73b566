//! One call of an import: its parameters as values, its answer to the guest.

use std::borrow::Cow;

use wasmtime::{Caller, Extern, Memory, Val};

use super::values::{Value, check_size, clipped, index_of, reference};
use super::{Exports, tables};
use crate::error::{Code, Failure};
use crate::host::{Host, memory};

/// One call of an import.
pub(super) struct Call<'a, 'c> {
    pub(super) caller: Caller<'c, Host>,
    pub(super) params: &'a [Val],
    pub(super) results: &'a mut [Val],
    /// What the guest exports for its imports to use.
    pub(super) exports: &'a Exports,
    /// Whether references are returned as such, not as numbers.
    pub(super) gives_externref: bool,
}

/// The guest gave an address outside its memory.
pub(super) fn outside() -> Failure {
    Failure::new(
        Code::GuestAbi,
        "The function gave an address outside its memory to an import.",
    )
}

/// The beginning of `text`, if it is what Rust says when it panics.
fn panic_text(text: &str) -> Option<String> {
    let beginning = clipped(text);
    beginning.contains("panicked at").then_some(beginning)
}

fn no_allocator() -> Failure {
    Failure::new(
        Code::GuestAbi,
        "The function asked an import for a text, and its module exports no allocator \
         (__wbindgen_malloc) to put it with.",
    )
}

impl Call<'_, '_> {
    /// A parameter as an unsigned number.
    pub(super) fn number(&self, at: usize) -> u32 {
        self.params[at].i32().unwrap_or(0) as u32
    }

    pub(super) fn index(&mut self, at: usize) -> Option<u32> {
        index_of(&self.params[at], &mut self.caller)
    }

    /// The value that a parameter refers to.
    pub(super) fn value(&mut self, at: usize) -> Value {
        match self.index(at) {
            Some(index) => self.caller.data().bindgen.value(index).into_owned(),
            None => Value::Undefined,
        }
    }

    /// Puts another value in the place of the one that a parameter refers to.
    pub(super) fn replace(&mut self, at: usize, value: Value) {
        if let Some(index) = self.index(at) {
            self.caller.data_mut().bindgen.replace(index, value);
        }
    }

    /// The guest's memory.
    pub(super) fn memory(&mut self) -> Result<Memory, Failure> {
        memory::of_caller(&mut self.caller).ok_or_else(outside)
    }

    /// The text at a pointer and a length. Damage in it is replaced: it is for people to read.
    pub(super) fn text(&mut self, ptr: usize, len: usize) -> Result<String, Failure> {
        let (ptr, len) = (self.number(ptr), self.number(len));
        let memory = self.memory()?;
        let bytes = memory::slice(memory.data(&self.caller), ptr, len).ok_or_else(outside)?;
        check_size(bytes.len())?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A new byte array of the host's own.
    pub(super) fn new_bytes(&self, len: u32) -> Result<Value, Failure> {
        check_size(len as usize)?;
        Ok(Value::Bytes(vec![0; len as usize]))
    }

    /// Keeps a value and returns its reference, in the form that this import returns.
    pub(super) fn give(&mut self, value: Value) -> wasmtime::Result<()> {
        let index = self.caller.data_mut().bindgen.keep(value)?;
        self.results[0] = if self.gives_externref {
            Val::ExternRef(Some(reference(index, &mut self.caller)?))
        } else {
            Val::I32(index as i32)
        };
        Ok(())
    }

    /// Returns a number or a flag.
    pub(super) fn answer(&mut self, value: u32) -> wasmtime::Result<()> {
        self.results[0] = Val::I32(value as i32);
        Ok(())
    }

    /// Writes two words to the address that is the first parameter.
    pub(super) fn write_words(&mut self, words: [u32; 2]) -> wasmtime::Result<()> {
        let to = self.number(0);
        let memory = self.memory()?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        memory::write(memory.data_mut(&mut self.caller), to, &bytes).ok_or_else(outside)?;
        Ok(())
    }

    /// Gives the guest a text of its own, through the address that is the first parameter.
    pub(super) fn give_text(&mut self, text: &str) -> wasmtime::Result<()> {
        let len = text.len() as u32;
        let malloc = self.exports.malloc.as_ref().ok_or_else(no_allocator)?;
        let function = self.caller.get_export(&malloc.name);
        let function = function
            .and_then(Extern::into_func)
            .ok_or_else(no_allocator)?;
        let params = [Val::I32(len as i32), Val::I32(1)];
        let takes = if malloc.takes_align { 2 } else { 1 };
        let mut results = [Val::I32(0)];
        function.call(&mut self.caller, &params[..takes], &mut results)?;
        let ptr = results[0].i32().unwrap_or(0) as u32;
        let memory = self.memory()?;
        memory::write(memory.data_mut(&mut self.caller), ptr, text.as_bytes())
            .ok_or_else(outside)?;
        self.write_words([ptr, len])
    }

    /// Writes a line to the call's log. The last line explains a trap that may follow.
    pub(super) fn log(&mut self, text: &str) {
        let host = self.caller.data_mut();
        host.wasi.log.write(text.as_bytes());
        host.wasi.log.write(b"\n");
        host.thrown = panic_text(text).or(host.thrown.take());
    }

    /// Writes the texts of all parameters as one line. They go into the log one by one and
    /// uncopied: a guest may name one long text a thousand times.
    pub(super) fn log_values(&mut self) {
        for at in 0..self.params.len() {
            let index = self.index(at);
            let host = self.caller.data_mut();
            if at > 0 {
                host.wasi.log.write(b" ");
            }
            let value = index.map_or(Cow::Owned(Value::Undefined), |index| {
                host.bindgen.value(index)
            });
            let text = value.text();
            host.wasi.log.write(text.as_bytes());
            host.thrown = panic_text(&text).or(host.thrown.take());
        }
        self.caller.data_mut().wasi.log.write(b"\n");
    }

    /// Sets up the guest's table, or leaves that to whoever called: modules may export this very
    /// import as their start function, and called from outside it has no guest to look into.
    pub(super) fn init_table(&mut self) -> wasmtime::Result<()> {
        let name = self.exports.ref_table.as_deref();
        let table = name.and_then(|name| self.caller.get_export(name));
        match table.and_then(|export| export.into_table()) {
            Some(table) => tables::init(&mut self.caller, table),
            None => {
                self.caller.data_mut().bindgen.table_is_due = true;
                Ok(())
            }
        }
    }
}
