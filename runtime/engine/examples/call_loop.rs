//! Calls one function in a loop on one thread and prints what a call costs: the sandbox alone,
//! without queue, crossing and HTTP. For use under a profiler.
//!
//! `cargo run --release --example call_loop -- FILE.wasm FUNCTION INPUT [CALLS] [scan] [keep=BYTES]`

use std::sync::Arc;
use std::time::Instant;

use wasmhook_engine::artefact;
use wasmhook_engine::call::{CallRequest, Input, LoadedModule};
use wasmhook_engine::engine::{Engine, EngineOptions};
use wasmhook_engine::host::deadline::Stopper;
use wasmhook_engine::limits::CallLimits;
use wasmtime::Module;

const LIMITS: CallLimits = CallLimits {
    timeout_ms: 10_000,
    memory_bytes: 128 << 20,
    table_elements: 20_000,
    output_bytes: 32 << 20,
    log_bytes: 64 << 10,
    fuel: None,
};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, function, input, rest @ ..] = &args[..] else {
        panic!("give FILE.wasm FUNCTION INPUT [CALLS] [scan]");
    };
    let calls: u32 = rest
        .iter()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(20_000);
    let engine = Arc::new(
        Engine::for_calls(EngineOptions {
            slots: 8,
            memory_max_bytes: 512 << 20,
            table_max_elements: 100_000,
            stack_bytes: 512 << 10,
            pagemap_scan: rest.iter().any(|arg| arg == "scan"),
        })
        .expect("an engine"),
    );
    let wasm = std::fs::read(file).expect("a readable file");
    let compiled = artefact::compile(&engine, &wasm).expect("a module that compiles");
    // SAFETY: the line above made these bytes.
    let module = unsafe { Module::deserialize(engine.inner(), &compiled.bytes) }.expect("a module");
    let loaded = LoadedModule::new(&engine, &module, compiled.interface).expect("a module");
    let call = || {
        let mut request = CallRequest::bare(function, LIMITS);
        request.inputs.push(Input::from(input.as_str()));
        loaded.call(Arc::new(request), Stopper::default())
    };
    let first = call().result.expect("a result");
    println!("{}", String::from_utf8_lossy(&first.bytes));
    for _ in 0..3 {
        let started = Instant::now();
        let mut instantiate = 0;
        let mut run = 0;
        for _ in 0..calls {
            let report = call();
            assert!(report.result.is_ok());
            instantiate += report.instantiate.as_nanos();
            run += report.run.as_nanos();
        }
        let each = |total: u128| total as f64 / f64::from(calls) / 1000.0;
        println!(
            "{:.2} us a call: {:.2} to instantiate, {:.2} to run, the rest to let go",
            each(started.elapsed().as_nanos()),
            each(instantiate),
            each(run),
        );
    }
}
