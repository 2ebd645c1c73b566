//! The engine that all cases share, and the rules that every upload and every call must keep.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use wasmhook_engine::artefact;
use wasmhook_engine::call::{CallRequest, LoadedModule, Report};
use wasmhook_engine::describe::Interface;
use wasmhook_engine::engine::{Engine, EngineOptions};
use wasmhook_engine::error::{Code, Failure};
use wasmhook_engine::host::deadline::Stopper;
use wasmhook_engine::limits::CallLimits;
use wasmtime::Module;

/// The ceilings of the engine; requests ask for less.
pub const MEMORY_BYTES_MAX: usize = 4 << 20;
pub const TABLE_ELEMENTS_MAX: usize = 5_000;
/// CPU time that a call may take past its wall time: one tick, one host function, one
/// `memory.fill` of all memory. Far more than these need; a call that does not end takes all of it.
const OVERTIME: Duration = Duration::from_millis(500);
/// The longest failure, its detail as JSON: 16 KiB of a guest's text, once as it is and once with
/// each character escaped in six, and the names (4 KiB) and types that are listed.
const FAILURE_BYTES_MAX: usize = 160 << 10;

/// What an upload may be refused with.
const REFUSALS: [Code; 7] = [
    Code::NotWasm,
    Code::PrecompiledRefused,
    Code::InvalidWasm,
    Code::ComponentUnsupported,
    Code::MissingImportKind,
    Code::ModuleTooComplex,
    Code::ModuleExceedsLimits,
];

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let engine = Engine::for_calls(EngineOptions {
        slots: 8,
        memory_max_bytes: MEMORY_BYTES_MAX,
        table_max_elements: TABLE_ELEMENTS_MAX,
        stack_bytes: 512 << 10,
        pagemap_scan: false,
    })
    .map(Arc::new)
    .unwrap();
    let clock = engine.inner().weak();
    thread::spawn(move || {
        while let Some(engine) = clock.upgrade() {
            engine.increment_epoch();
            thread::sleep(Duration::from_millis(2));
        }
    });
    engine
});

/// Counts its calls in memory, a global and a table.
static COUNTER: LazyLock<Guest> = LazyLock::new(|| {
    let text = include_str!("../../../../test/guests/counter.wat");
    upload(&wat::parse_str(text).unwrap()).expect("the counter is a module")
});

thread_local! {
    /// How often each outcome was seen: a target that meets only refusals proves nothing.
    static OUTCOMES: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// What this thread's cases came to, the most frequent first.
pub fn outcomes() -> String {
    let mut outcomes: Vec<(String, u64)> = OUTCOMES.take().into_iter().collect();
    outcomes.sort_by_key(|(_, count)| Reverse(*count));
    let texts = outcomes
        .iter()
        .map(|(name, count)| format!("{name} {count}"));
    texts.collect::<Vec<String>>().join(", ")
}

fn note(step: &str, outcome: &str) {
    OUTCOMES.with_borrow_mut(|all| *all.entry(format!("{step} {outcome}")).or_default() += 1);
}

/// A module that was accepted.
pub struct Guest {
    module: LoadedModule,
    pub interface: Interface,
}

/// Compiles and describes as the compile child does, loads as the server does. `None` where the
/// upload was refused, which is as good.
pub fn upload(wasm: &[u8]) -> Option<Guest> {
    let compiled = match artefact::compile(&ENGINE, wasm) {
        Ok(compiled) => compiled,
        Err(failure) => {
            note("upload", failure.code.as_str());
            check_failure(&failure);
            assert!(
                REFUSALS.contains(&failure.code),
                "an upload fails with {failure:?}"
            );
            let again = artefact::compile(&ENGINE, wasm)
                .err()
                .map(|again| again.message);
            assert_eq!(again, Some(failure.message), "it is refused in two ways");
            return None;
        }
    };
    let json = serde_json::to_string(&compiled.interface).unwrap();
    check_interface(&serde_json::from_str(&json).unwrap());
    let interface: Interface = serde_json::from_str(&json).unwrap();
    assert_eq!(
        serde_json::to_string(&interface).unwrap(),
        json,
        "it is read as written"
    );

    // A describe function may do anything that a clock or its own end decides.
    if !interface.abi.unprocessed {
        let again = artefact::compile(&ENGINE, wasm).expect("accepted once, accepted twice");
        assert_eq!(serde_json::to_string(&again.interface).unwrap(), json);
        assert!(again.bytes == compiled.bytes, "two artefacts of one module");
    }
    // SAFETY: this engine made these bytes above.
    let module = unsafe { Module::deserialize(ENGINE.inner(), &compiled.bytes) }.unwrap();
    let module = LoadedModule::new(&ENGINE, &module, interface.clone());
    note("upload", "accepted");
    let module = module.unwrap_or_else(|failure| panic!("accepted, not loaded: {failure:?}"));
    Some(Guest { module, interface })
}

/// What the server's TypeScript takes an interface for (`ModuleInterface` in src/model.ts).
fn check_interface(interface: &serde_json::Value) {
    let kinds = ["wasm-bindgen", "wasi-command", "raw"];
    assert!(kinds.contains(&interface["kind"].as_str().unwrap()));
    let texts = |value: &serde_json::Value| {
        let all = value
            .as_array()
            .is_some_and(|list| list.iter().all(|one| one.is_string()));
        assert!(all, "{value} is no list of texts");
    };
    texts(&interface["missing_imports"]);
    texts(&interface["warnings"]);
    assert!(interface["abi"].is_object());
    for function in interface["functions"].as_array().unwrap() {
        assert!(function["name"].is_string());
        texts(&function["core_params"]);
        texts(&function["core_results"]);
        assert!(function["result"].is_null() || function["result"].is_string());
        if !function["params"].is_null() {
            texts(&function["params"]);
        }
        let unsupported = function.get("unsupported");
        assert!(unsupported.is_none_or(|why| why.is_string()));
    }
}

/// Calls a guest and checks its report.
pub fn call(guest: &Guest, request: CallRequest) {
    let CallLimits {
        timeout_ms,
        memory_bytes,
        output_bytes,
        log_bytes,
        ..
    } = *request.limits();
    let request = Arc::new(request);
    let before = cpu_time();
    let report = guest.module.call(request.clone(), Stopper::default());
    let spent = cpu_time() - before;
    let allowed = Duration::from_millis(timeout_ms) + OVERTIME;
    assert!(
        spent <= allowed,
        "{spent:?} of CPU for a call of {timeout_ms} ms"
    );
    assert!(
        report.memory_bytes <= memory_bytes,
        "{} bytes of memory",
        report.memory_bytes
    );
    assert!(
        report.log.len() <= log_bytes,
        "{} bytes of log",
        report.log.len()
    );
    match &report.result {
        Ok(output) => {
            note(
                "call",
                if output.bytes.is_empty() {
                    "empty"
                } else {
                    "result"
                },
            );
            assert!(
                output.bytes.len() <= output_bytes,
                "{} bytes",
                output.bytes.len()
            );
            assert_eq!(output.is_text, request.text);
            let is_utf8 = std::str::from_utf8(&output.bytes).is_ok();
            assert!(is_utf8 || !output.is_text, "a text that is no UTF-8");
            assert!(output.is_text || !output.is_json, "JSON that is no text");
        }
        Err(failure) => {
            note("call", failure.code.as_str());
            check_failure(failure);
            assert!(
                !REFUSALS.contains(&failure.code),
                "a call fails with {failure:?}"
            );
        }
    }
}

/// A failure is somebody's but ours, says something, and is no way to send a flood.
fn check_failure(failure: &Failure) {
    assert!(failure.code != Code::Internal, "{failure:?}");
    assert!(!failure.message.is_empty());
    let bytes = failure.message.len() + failure.detail.to_string().len();
    assert!(
        bytes <= FAILURE_BYTES_MAX,
        "a failure of {bytes} bytes: {}",
        failure.code.as_str()
    );
    assert!(failure.detail.is_null() || failure.detail.is_object());
}

/// Whatever a guest did, the next call on the same engine finds nothing of it.
pub fn check_the_next_call() {
    let limits = CallLimits {
        timeout_ms: 60_000,
        memory_bytes: MEMORY_BYTES_MAX,
        table_elements: TABLE_ELEMENTS_MAX,
        output_bytes: 100,
        log_bytes: 0,
        fuel: None,
    };
    let request = Arc::new(CallRequest::bare("wide", limits));
    let report: Report = COUNTER.module.call(request, Stopper::default());
    let counted = report.result.expect("the next call succeeds").bytes;
    assert_eq!(String::from_utf8_lossy(&counted), "[1,1,1]");
}

/// The CPU time of this thread: what a busy machine cannot make longer.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a whole struct that lives past the call, which only writes it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
