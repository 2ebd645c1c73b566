//! Compiles and calls guests as the server does: compiled and described by one engine, loaded and
//! called by the same, with a clock that ticks.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use wasmhook_engine::artefact;
use wasmhook_engine::call::{CallRequest, Input, LoadedModule, Profile, Report};
use wasmhook_engine::describe::Interface;
use wasmhook_engine::engine::{Engine, EngineOptions};
use wasmhook_engine::error::{Code, Failure};
use wasmhook_engine::host::deadline::Stopper;
use wasmhook_engine::limits::CallLimits;
use wasmhook_engine::pool::Admission;
use wasmhook_engine::store::StoreAccess;
use wasmhook_engine::types::Signature;
use wasmtime::Module;

/// Limits that no guest reaches unless it means to.
pub const LIMITS: CallLimits = CallLimits {
    timeout_ms: 1_000,
    memory_bytes: 16 << 20,
    table_elements: 10_000,
    output_bytes: 1 << 20,
    log_bytes: 1 << 16,
    fuel: None,
};

/// What the engines of these tests are made with.
pub const OPTIONS: EngineOptions = EngineOptions {
    slots: 4,
    memory_max_bytes: 64 << 20,
    table_max_elements: 10_000,
    stack_bytes: 512 << 10,
    pagemap_scan: false,
};

static ENGINE: LazyLock<Arc<Engine>> =
    LazyLock::new(|| ticking(Engine::for_compiling(OPTIONS).unwrap()));

/// The engine that counts what guests do.
pub static METERED: LazyLock<Arc<Engine>> =
    LazyLock::new(|| ticking(Engine::for_metered_calls(OPTIONS).unwrap()));

fn ticking(engine: Engine) -> Arc<Engine> {
    let clock = engine.inner().weak();
    thread::spawn(move || {
        while let Some(engine) = clock.upgrade() {
            engine.increment_epoch();
            thread::sleep(Duration::from_millis(2));
        }
    });
    Arc::new(engine)
}

/// A guest that can be called.
pub struct Guest {
    /// It, loaded.
    pub module: LoadedModule,
    /// What was found at its upload.
    pub interface: Interface,
}

/// The guest `test/guests/<name>.wat`.
pub fn guest(name: &str) -> Guest {
    from_text(&text(name)).unwrap_or_else(|failure| panic!("{name}: {failure:?}"))
}

/// The text of `test/guests/<name>.wat`.
pub fn text(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../test/guests");
    std::fs::read_to_string(folder.join(format!("{name}.wat")))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A guest from its text.
pub fn from_text(text: &str) -> Result<Guest, Failure> {
    from_bytes(&wat::parse_str(text).unwrap())
}

/// A guest from its text, on the engine that counts what it does.
pub fn metered(text: &str) -> Guest {
    on(&METERED, &wat::parse_str(text).unwrap()).unwrap()
}

/// A guest from its bytes.
pub fn from_bytes(wasm: &[u8]) -> Result<Guest, Failure> {
    on(&ENGINE, wasm)
}

/// A guest from its bytes, on an engine.
pub fn on(engine: &Arc<Engine>, wasm: &[u8]) -> Result<Guest, Failure> {
    let compiled = artefact::compile(engine, wasm)?;
    // SAFETY: the line above made these bytes.
    let module = unsafe { Module::deserialize(engine.inner(), &compiled.bytes) }.unwrap();
    // Through JSON, as the interface is stored between upload and call.
    let json = serde_json::to_string(&compiled.interface).unwrap();
    let interface: Interface = serde_json::from_str(&json).unwrap();
    let module = LoadedModule::new(engine, &module, interface.clone())?;
    Ok(Guest { module, interface })
}

/// A call in the making.
pub struct Call<'g> {
    guest: &'g Guest,
    request: CallRequest,
    profile: Profile,
}

impl Guest {
    /// A call of `function` with `inputs`, for text.
    pub fn call<I: AsRef<[u8]>>(
        &self,
        function: &str,
        inputs: impl IntoIterator<Item = I>,
    ) -> Call<'_> {
        let inputs = inputs
            .into_iter()
            .map(|input| Input::new(input.as_ref().to_vec()));
        let mut request = CallRequest::bare(function, LIMITS);
        request.inputs = inputs.collect();
        Call {
            guest: self,
            request,
            profile: Profile::bare(Admission::ALONE, LIMITS),
        }
    }

    /// The text that `function` makes of `inputs`.
    pub fn text<I: AsRef<[u8]>>(
        &self,
        function: &str,
        inputs: impl IntoIterator<Item = I>,
    ) -> String {
        self.call(function, inputs).text()
    }

    /// The failure that `function` ends with.
    pub fn failure<I: AsRef<[u8]>>(
        &self,
        function: &str,
        inputs: impl IntoIterator<Item = I>,
    ) -> Failure {
        self.call(function, inputs).failure()
    }

    /// The code of the failure that `function` ends with.
    pub fn code<I: AsRef<[u8]>>(
        &self,
        function: &str,
        inputs: impl IntoIterator<Item = I>,
    ) -> Code {
        self.failure(function, inputs).code
    }
}

/// No inputs.
pub const NONE: [&str; 0] = [];

impl Call<'_> {
    /// With types as an owner declares them.
    pub fn types(mut self, json: &str) -> Self {
        let types = Signature::parse(json).unwrap();
        let function = self.request.function.clone();
        self.profile.types.insert(function, types);
        self
    }

    /// With a state.
    pub fn state(mut self, state: &str) -> Self {
        self.profile.state = Some(state.to_owned());
        self
    }

    /// With variables of the environment.
    pub fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        let own = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        self.profile.variables = own.collect();
        self
    }

    /// As a source's, whose sender's request this is.
    pub fn webhook(mut self, request: &str) -> Self {
        self.request.webhook = Some(request.to_owned());
        self
    }

    /// With its executable's store.
    pub fn store(mut self, access: StoreAccess) -> Self {
        self.request.store = Some(access);
        self
    }

    /// With other limits.
    pub fn limits(mut self, limits: CallLimits) -> Self {
        self.profile.limits = limits;
        self
    }

    /// For bytes instead of text.
    pub fn bytes(mut self) -> Vec<u8> {
        self.request.text = false;
        self.run().result.unwrap().bytes
    }

    /// Runs it for text, which it must give.
    pub fn text(self) -> String {
        let name = self.request.function.clone();
        let output = self
            .run()
            .result
            .unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        String::from_utf8(output.bytes).unwrap()
    }

    /// Runs it, and it must fail.
    pub fn failure(self) -> Failure {
        let name = self.request.function.clone();
        match self.run().result {
            Ok(output) => panic!(
                "{name} returned {:?}",
                String::from_utf8_lossy(&output.bytes)
            ),
            Err(failure) => failure,
        }
    }

    /// Runs it.
    pub fn run(mut self) -> Report {
        self.request.profile = Arc::new(self.profile);
        self.guest
            .module
            .call(Arc::new(self.request), Stopper::default())
    }
}
