//! The class that JavaScript holds.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{AsyncTask, BufferSlice, Env, Function, Unknown};
use napi::{JsError, Status, Task};
use napi_derive::napi;
use wasmhook_engine::call::{CallRequest, LoadedModule};
use wasmhook_engine::engine::Allocator;
use wasmhook_engine::engines::Engines;
use wasmhook_engine::error::{Code, Failure};
use wasmhook_engine::pool::Pool;

use crate::options::{Profile, SandboxOptions, input};
use crate::outbox::{Outbox, Outcomes};
use crate::stores::{StoreChange, StoreOptions, Stores};
use crate::{Thrown, thrown};

/// What a sandbox holds at the moment.
#[napi(object, object_from_js = false)]
pub struct SandboxStats {
    /// Threads that run calls.
    pub threads: u32,
    /// Calls that run.
    pub running: u32,
    /// Calls that wait.
    pub queued: u32,
    /// Modules that are loaded.
    pub loaded: u32,
    /// Where instances live: in slots reserved at start, or mapped for each call because this
    /// host refuses the address space.
    #[napi(ts_type = "'pooling' | 'on-demand'")]
    pub allocator: &'static str,
    /// Why instances are mapped for each call, where they are.
    pub allocator_note: Option<String>,
    /// Whether only the pages that a call wrote are wiped.
    pub pagemap_scan: bool,
}

/// Threads that call functions of loaded modules, each call in a fresh instance.
#[napi]
pub struct Sandbox {
    engines: Arc<Engines>,
    pool: Arc<Pool>,
    outbox: Arc<Outbox>,
    modules: Arc<Modules>,
    stores: Arc<Stores>,
}

#[derive(Default)]
struct Modules(Mutex<Handles>);

#[derive(Default)]
struct Handles {
    loaded: HashMap<u32, Arc<LoadedModule>>,
    last: u32,
}

impl Modules {
    fn lock(&self) -> MutexGuard<'_, Handles> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, module: LoadedModule) -> u32 {
        let mut handles = self.lock();
        handles.last += 1;
        let handle = handles.last;
        handles.loaded.insert(handle, Arc::new(module));
        handle
    }
}

#[napi]
impl Sandbox {
    /// Starts the threads. `onOutcomes` receives what came of the calls, several at a time, in the
    /// form that outbox.rs describes. It shares the stores of the sandbox `before` it.
    #[napi(constructor)]
    pub fn new(
        options: SandboxOptions,
        #[napi(ts_arg_type = "(records: Buffer, extras: (Buffer | string)[]) => void")]
        on_outcomes: Function<'_, Outcomes, Unknown<'static>>,
        before: Option<&Sandbox>,
    ) -> Result<Self, Thrown> {
        let engines = Engines::new(options.engine().map_err(thrown)?).map_err(thrown)?;
        let engines = Arc::new(engines);
        let outbox = Outbox::new(&on_outcomes).map_err(|e| thrown(Failure::internal(&e)))?;
        let pool = Pool::start(engines.clone(), outbox.clone())
            .map_err(|error| thrown(Failure::internal(&error)))?;
        Ok(Sandbox {
            engines,
            pool: Arc::new(pool),
            outbox,
            modules: Arc::default(),
            stores: before.map_or_else(Arc::default, |before| before.stores.clone()),
        })
    }

    /// Maps a compiled module and resolves with its handle. Compiles nothing. The error's `code`
    /// is `ARTEFACT_UNUSABLE` when the file was made by another version. Its content is run as
    /// native code and not looked at: compare its hash with that of the file that was compiled
    /// before every load, and never change it after. `metered` tells which form of the module
    /// the file holds: that which counts its work as fuel runs on an engine of its own.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn load(&self, path: String, interface_json: String, metered: bool) -> AsyncTask<Load> {
        AsyncTask::new(Load {
            engines: self.engines.clone(),
            modules: self.modules.clone(),
            path,
            interface_json,
            metered,
        })
    }

    /// Forgets a module. Calls that wait or run still finish.
    #[napi]
    pub fn unload(&self, handle: u32) {
        let module = self.modules.lock().loaded.remove(&handle);
        // Without the lock: the last of a module takes its warm instances along.
        drop(module);
    }

    /// Queues a call of a function, for text or for bytes. Its outcome carries `id`, a number that
    /// no other outstanding call has. [`Sandbox::begin`] sees to it that queued calls begin. `webhook`
    /// is the request that a source got, as JSON, which the function may have for an argument. With
    /// `store` the function may use the store of the profile's group, which must be known
    /// (`loadStore`); what it stores comes with its outcome and is committed by nobody here.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object for them would cost more than the call"
    )]
    pub fn call(
        &self,
        env: Env,
        id: i64,
        handle: u32,
        profile: &Profile,
        name: String,
        text: bool,
        inputs: Vec<BufferSlice<'_>>,
        store: Option<StoreOptions>,
        webhook: Option<String>,
    ) -> Result<(), Thrown> {
        let module = self.modules.lock().loaded.get(&handle).cloned();
        let module = module.ok_or_else(|| {
            thrown(Failure::new(
                Code::Closed,
                "The module is not loaded; load it first.",
            ))
        })?;
        let unknown = || thrown(Failure::internal(&"a call with a store that is not loaded"));
        let access = |options: StoreOptions| self.stores.access(profile.group(), &options);
        let inputs = inputs.into_iter().map(|slice| input(&env, slice));
        let request = CallRequest {
            profile: profile.shared(),
            function: name,
            inputs: inputs.collect::<Result<_, Thrown>>()?,
            text,
            webhook,
            store: store
                .map(|options| access(options).ok_or_else(unknown))
                .transpose()?,
        };
        self.outbox.expect(&env);
        self.pool.submit(id as u64, module, Arc::new(request));
        Ok(())
    }

    /// Makes the committed content of a group's store known, in place of what was known before.
    /// Calls that use it for the first time from now on see it. Returns its size in bytes.
    #[napi]
    pub fn load_store(&self, group: i64, content: Vec<StoreChange>) -> f64 {
        self.stores.load(group as u64, content) as f64
    }

    /// Makes committed changes known. Returns the new size in bytes, or nothing where the store
    /// is not known.
    #[napi]
    pub fn apply_to_store(&self, group: i64, committed: Vec<StoreChange>) -> Option<f64> {
        let bytes = self.stores.apply(group as u64, committed);
        bytes.map(|bytes| bytes as f64)
    }

    /// Forgets a group's store. Calls that wait or run keep what they see.
    #[napi]
    pub fn forget_store(&self, group: i64) {
        self.stores.forget(group as u64);
    }

    /// Begins what was queued: once after several calls, since waking a thread costs as much as a
    /// short call.
    #[napi]
    pub fn begin(&self) {
        self.pool.begin_submitted();
    }

    /// Cancels a call that waits or runs; `false` when it has ended. Its outcome still comes.
    #[napi]
    pub fn cancel(&self, id: i64) -> bool {
        self.pool.cancel(id as u64)
    }

    /// Cancels a call that waits; `false` when it runs or has ended. Its outcome still comes.
    #[napi]
    pub fn cancel_waiting(&self, id: i64) -> bool {
        self.pool.cancel_waiting(id as u64)
    }

    /// A count of what the sandbox holds.
    #[napi]
    pub fn stats(&self) -> SandboxStats {
        let pool = self.pool.stats();
        let engine = self.engines.plain();
        SandboxStats {
            threads: pool.threads as u32,
            running: pool.running as u32,
            queued: pool.queued as u32,
            loaded: self.modules.lock().loaded.len() as u32,
            allocator: match engine.allocator() {
                Allocator::Pooling => "pooling",
                Allocator::OnDemand => "on-demand",
            },
            allocator_note: engine.allocator_note().map(str::to_owned),
            pagemap_scan: engine.scans_pagemap(),
        }
    }

    /// Ends every call with `CLOSED`, takes no more, and resolves when the threads have ended.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close(&self) -> AsyncTask<Close> {
        self.pool.begin_close();
        AsyncTask::new(Close(self.pool.clone()))
    }
}

/// Loads a module, away from the event loop: one with thousands of exports takes long to link.
pub struct Load {
    engines: Arc<Engines>,
    modules: Arc<Modules>,
    path: String,
    interface_json: String,
    metered: bool,
}

impl Load {
    fn load(&self) -> Result<u32, Failure> {
        let engine = if self.metered {
            self.engines.metered()?
        } else {
            self.engines.plain()
        };
        let path = Path::new(&self.path);
        // SAFETY: the server hands over only files that its own compile child wrote, under a
        // private folder, read-only, and whose hash it has compared with the one it stored then.
        let module = unsafe { LoadedModule::load(engine, path, &self.interface_json) };
        module.map(|module| self.modules.add(module))
    }
}

impl Task for Load {
    // A failure is no error of the task itself, because that could not carry its code.
    type Output = Result<u32, Failure>;
    type JsValue = u32;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.load())
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<u32> {
        output.map_err(|failure| JsError::from(thrown(failure)).into_unknown(env).into())
    }
}

/// Waits for the threads, away from the event loop.
pub struct Close(Arc<Pool>);

impl Task for Close {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        self.0.close();
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> Result<(), napi::Error<Status>> {
        Ok(())
    }
}
