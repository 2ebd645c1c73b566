//! Random modules through describe, load and call, with what must hold of each: see
//! `docs/fuzzing.md`. A bounded number of seeds runs with the other tests; `npm run fuzz` runs one
//! target for as long as it is told, and replays a seed.
//!
//! [`driver`] counts and replays, [`sandbox`] holds the engine and the rules, the others generate:
//! [`smith`] any module, [`shape`] and [`sections`] guests as toolchains shape them, [`imports`]
//! what they import, [`body`] and [`expression`] their functions, [`request`] what is asked of them.

mod body;
mod driver;
mod expression;
mod imports;
mod request;
mod sandbox;
mod sections;
mod shape;
mod smith;

use arbitrary::{Result, Unstructured};

/// Uploads: any module, whole or damaged, is described or refused, the same way each time.
#[test]
fn describe() {
    driver::fuzz("describe", 200, |bytes| {
        let wasm = if bytes.ratio(1, 3)? {
            let shape = shape::guest(bytes, shape::Imports::Any)?;
            smith::damaged(bytes, shape)?
        } else {
            let module = smith::module(bytes)?;
            smith::damaged(bytes, module)?
        };
        if let Some(guest) = sandbox::upload(&wasm) {
            call_some(bytes, &guest, 2)?;
        }
        Ok(())
    });
}

/// Calls: guests of wasm-bindgen's shapes with hostile bodies, any inputs and declared types.
#[test]
fn abi() {
    driver::fuzz("abi", 80, |bytes| {
        let shape = shape::guest(bytes, shape::Imports::Few)?;
        let wasm = smith::rewritten(bytes, shape)?;
        if let Some(guest) = sandbox::upload(&wasm) {
            call_some(bytes, &guest, 6)?;
        }
        Ok(())
    });
}

/// Imports: WASI and wasm-bindgen functions with random pointers, lengths and references.
#[test]
fn imports() {
    driver::fuzz("imports", 80, |bytes| {
        let wasm = shape::guest(bytes, shape::Imports::Many)?;
        if let Some(guest) = sandbox::upload(&wasm) {
            call_some(bytes, &guest, 6)?;
        }
        Ok(())
    });
}

fn call_some(bytes: &mut Unstructured<'_>, guest: &sandbox::Guest, calls: usize) -> Result<()> {
    let calls = match guest.interface.functions.len() {
        0 => 1,
        _ => calls,
    };
    for _ in 0..calls {
        let request = request::request(bytes, &guest.interface)?;
        sandbox::call(guest, request);
    }
    sandbox::check_the_next_call();
    Ok(())
}
