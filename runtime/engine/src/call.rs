//! One call: plan, fresh store and instance, start functions, the guest's own function, result.

use std::collections::HashMap;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use wasmtime::{Instance, InstancePre, Module, ModuleExport, Store};

use crate::describe::{Interface, Kind};
use crate::engine::Engine;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::host::deadline::{Deadline, Stopper};
use crate::host::wasi::Wasi;
use crate::limits::CallLimits;
use crate::queue::Admission;
use crate::store::{StoreAccess, StoreReport};
use crate::types::Signature;
use crate::warm::{Reuse, Warm};
use crate::{abi, artefact};

/// One argument as bytes, owned here or held in the caller's memory.
pub struct Input(Box<dyn AsRef<[u8]> + Send + Sync>);

impl Input {
    /// An input that keeps `bytes` alive for the length of the call.
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Input(Box::new(bytes))
    }
}

impl Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Input::new(text.to_owned())
    }
}

/// What an executable's owner settled for all its calls: made once, shared by all of them.
pub struct Profile {
    /// Where its calls belong and how long they wait.
    pub admission: Admission,
    /// The bounds of each call.
    pub limits: CallLimits,
    /// How long an instance serves the executable's calls; `None`: each has a fresh one.
    pub reuse: Option<Reuse>,
    /// Types that the owner declared, by function; they win over all others.
    pub types: HashMap<String, Signature>,
    /// The state, where one is set.
    pub state: Option<String>,
    /// Further variables of the guest's environment.
    pub variables: Vec<(String, String)>,
}

impl Profile {
    /// A profile without types, state and variables.
    pub fn bare(admission: Admission, limits: CallLimits) -> Self {
        Profile {
            admission,
            limits,
            reuse: None,
            types: HashMap::new(),
            state: None,
            variables: Vec::new(),
        }
    }
}

/// What to call, and with what.
pub struct CallRequest {
    /// What holds for all calls of the executable.
    pub profile: Arc<Profile>,
    /// The function's name.
    pub function: String,
    /// The arguments, in order.
    pub inputs: Vec<Input>,
    /// Whether text is asked for; bytes are returned as they are.
    pub text: bool,
    /// What a sender's request was besides its payload, as JSON, where the call is a source's.
    pub webhook: Option<String>,
    /// What it may do with its executable's store, where the module imports one.
    pub store: Option<StoreAccess>,
}

impl CallRequest {
    /// A call for text without inputs, types, state and variables, that never waits.
    pub fn bare(function: &str, limits: CallLimits) -> Self {
        CallRequest {
            profile: Arc::new(Profile::bare(Admission::ALONE, limits)),
            function: function.to_owned(),
            inputs: Vec::new(),
            text: true,
            webhook: None,
            store: None,
        }
    }

    /// The bounds of the call.
    pub fn limits(&self) -> &CallLimits {
        &self.profile.limits
    }

    /// The types that the owner declared for the function.
    pub fn types(&self) -> Option<&Signature> {
        self.profile.types.get(&self.function)
    }

    /// The state, where one is set.
    pub fn state(&self) -> Option<&str> {
        self.profile.state.as_deref()
    }

    /// What a function gets first that takes one text or byte argument more than the call gives: its
    /// sender's request, or the state.
    pub fn context(&self) -> Option<&str> {
        self.webhook.as_deref().or_else(|| self.state())
    }
}

/// What a function returned.
#[derive(Debug)]
pub struct Output {
    /// The result.
    pub bytes: Vec<u8>,
    /// Whether it is valid UTF-8 by its type; `false` means that nobody looked.
    pub is_text: bool,
    /// Whether it is text that is a JSON object or array. Found on the call's own thread: the
    /// caller's may have no time to parse what a guest made long.
    pub is_json: bool,
}

/// What came of one call.
pub struct Report {
    /// The result or the failure.
    pub result: Result<Output, Failure>,
    /// What the guest wrote for people to read.
    pub log: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub log_truncated: bool,
    /// From the start of the call to an instance, its start functions excluded.
    pub instantiate: Duration,
    /// Start functions and the function itself.
    pub run: Duration,
    /// The most memory that the guest had, in bytes.
    pub memory_bytes: usize,
    /// The work that it did, in units of fuel; `None` where nothing counts it. See
    /// [`Engine::fuel_used`].
    pub fuel_used: Option<u64>,
    /// What it did with its store, if anything.
    pub store: Option<StoreReport>,
}

impl Report {
    /// The report of a call that never reached its guest.
    pub fn failed(failure: Failure) -> Self {
        Report {
            result: Err(failure),
            log: Vec::new(),
            log_truncated: false,
            instantiate: Duration::ZERO,
            run: Duration::ZERO,
            memory_bytes: 0,
            fuel_used: None,
            store: None,
        }
    }
}

/// What a warm instance that waits is called with.
static NOTHING: LazyLock<Arc<CallRequest>> =
    LazyLock::new(|| Arc::new(CallRequest::bare("", CallLimits::NONE)));

/// Numbers modules, so that a warm instance is never taken for one of another.
static MODULES: AtomicU64 = AtomicU64::new(0);

/// A module ready to be called: everything that can be looked up once was looked up.
pub struct LoadedModule {
    engine: Arc<Engine>,
    pre: InstancePre<Host>,
    is_command: bool,
    prepared: abi::Prepared,
    start_functions: Vec<ModuleExport>,
    number: u64,
}

impl LoadedModule {
    /// Loads a compiled artefact with the interface (JSON) that was found when it was compiled.
    ///
    /// # Safety
    ///
    /// As for [`artefact::load`]: the file must be what was compiled, byte for byte, and stay so.
    pub unsafe fn load(
        engine: &Arc<Engine>,
        path: &Path,
        interface: &str,
    ) -> Result<Self, Failure> {
        let interface = serde_json::from_str(interface).map_err(|error| {
            Failure::new(
                Code::ArtefactUnusable,
                format!("The stored interface cannot be read, compile the module again: {error}"),
            )
        })?;
        // SAFETY: the caller promises what `artefact::load` asks for.
        let module = unsafe { artefact::load(engine, path) }?;
        LoadedModule::new(engine, &module, interface)
    }

    /// Makes `module`, which is the engine's, ready to be called.
    pub fn new(
        engine: &Arc<Engine>,
        module: &Module,
        interface: Interface,
    ) -> Result<Self, Failure> {
        let (pre, _) = engine.link(module)?;
        Ok(LoadedModule {
            engine: engine.clone(),
            pre,
            is_command: interface.kind == Kind::WasiCommand,
            start_functions: start_functions(module, &interface),
            prepared: abi::Prepared::new(interface, module)?,
            number: MODULES.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Calls a function in a fresh instance. A panic of ours becomes that call's failure.
    pub fn call(&self, request: Arc<CallRequest>, stopper: Stopper) -> Report {
        catch_unwind(AssertUnwindSafe(|| self.call_unguarded(request, stopper)))
            .unwrap_or_else(|_| Report::failed(Failure::internal(&"a panic, see the log")))
    }

    fn call_unguarded(&self, request: Arc<CallRequest>, stopper: Stopper) -> Report {
        let started = Instant::now();
        let plan = match abi::plan(&self.prepared, &request) {
            Ok(plan) => plan,
            Err(failure) => return Report::failed(failure),
        };
        let deadline = Deadline::new(request.limits().timeout_ms, stopper);
        // A program ends with its call.
        let reuse = request.profile.reuse.filter(|_| !self.is_command);
        let warm = reuse.and_then(|_| {
            let warm = self.engine.warm();
            warm.take(self.number, &request.profile, started)
        });
        let (mut store, instance, served, born) = match warm {
            Some(mut warm) => {
                self.engine
                    .rearm(&mut warm.store, request.clone(), deadline);
                (warm.store, Ok(warm.instance), warm.served, warm.born)
            }
            None => {
                let wasi = Wasi::new(request.clone(), self.is_command);
                let host = Host::new(wasi, request.limits(), deadline);
                let mut store = self.engine.store(host);
                // A wasm start function runs within this step, under the same deadline and limits.
                let instance = self.pre.instantiate(&mut store);
                (store, instance, 0, started)
            }
        };
        let instantiated = Instant::now();
        let result = instance
            .and_then(|instance| {
                if served == 0 {
                    self.run_start_functions(&mut store, &instance)?;
                }
                Ok(instance)
            })
            .map_err(|error| Failure::from_guest(error, store.data()))
            .and_then(|instance| {
                let output = abi::call(plan, &mut store, &instance, &request)?;
                Ok((output, instance))
            });

        let fuel_used = self.engine.fuel_used(&store);
        let host = store.data_mut();
        let (log, log_truncated) = host.wasi.log.take();
        let (result, instance) = match result {
            Ok((output, instance)) => (Ok(output), Some(instance)),
            Err(failure) => (Err(failure), None),
        };
        let report = Report {
            result,
            log,
            log_truncated,
            instantiate: instantiated - started,
            run: instantiated.elapsed(),
            memory_bytes: host.limits.memory_used(),
            fuel_used,
            store: host.storage.take().map(|session| session.finish()),
        };
        if let (Some(reuse), Some(instance)) = (reuse, instance)
            && !host.unfit
            && !host.bindgen.is_half_full()
            && host.limits.refused().is_none()
        {
            // Its inputs are not held until the next call.
            host.wasi = host.wasi.following(NOTHING.clone());
            let warm = Warm {
                module: self.number,
                profile: request.profile.clone(),
                reuse,
                store,
                instance,
                served: served + 1,
                born,
            };
            drop(self.engine.warm().keep(warm, Instant::now()));
        }
        report
    }

    fn run_start_functions(
        &self,
        store: &mut Store<Host>,
        instance: &Instance,
    ) -> wasmtime::Result<()> {
        for export in &self.start_functions {
            let function = instance.get_module_export(&mut *store, export);
            if let Some(function) = function.and_then(|export| export.into_func()) {
                function.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
            }
        }
        Ok(())
    }
}

impl Drop for LoadedModule {
    fn drop(&mut self) {
        // Nobody can ask for them any more.
        while let Some(warm) = self.engine.warm().take_of(self.number) {
            drop(warm);
        }
    }
}

/// The exports that must run once before any other: WASI's reactor start, then wasm-bindgen's.
fn start_functions(module: &Module, interface: &Interface) -> Vec<ModuleExport> {
    if interface.kind == Kind::WasiCommand {
        return Vec::new();
    }
    ["_initialize", "__wbindgen_start"]
        .into_iter()
        .filter(|name| {
            let ty = module.get_export(name);
            ty.as_ref()
                .and_then(|ty| ty.func())
                .is_some_and(|ty| ty.params().len() == 0 && ty.results().len() == 0)
        })
        .filter_map(|name| module.get_export_index(name))
        .collect()
}
