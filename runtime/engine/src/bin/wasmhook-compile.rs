//! Compiles one upload in a process of its own, so that whatever the compiler is made to do ends
//! with this process: `wasmhook-compile <in.wasm> <out.cwasm> [--limit value]…`. Prints one line
//! of JSON: the interface, or the failure. Its parent ends it when its wall time is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use wasmhook_engine::artefact::{self, Compiled};
use wasmhook_engine::engine::{Engine, EngineOptions};
use wasmhook_engine::error::Failure;

const USAGE: &str = "usage: wasmhook-compile <in.wasm> <out.cwasm> --timeout-ms N \
                     --memory-bytes N --memory-max N --table-max N --stack-bytes N [--metered]";
/// Low enough that compiling hardly takes a core from calls, and not so low that it never ends on
/// a busy host.
const NICENESS: i32 = 10;

/// The largest file: an artefact, several times its module.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// The input, the output, its folder, a memory image, and the standard streams.
const OPEN_FILES_MAX: u64 = 64;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;

struct Arguments {
    input: PathBuf,
    output: PathBuf,
    timeout_ms: u64,
    memory_bytes: u64,
    engine: EngineOptions,
    metered: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Err(error) = confine(&arguments) {
        eprintln!("wasmhook-compile: cannot limit itself: {error}");
        return ExitCode::from(2);
    }
    let answer = match run(&arguments) {
        Ok(compiled) => json!({ "ok": true, "interface": compiled.interface }),
        Err(failure) => report(&failure),
    };
    println!("{answer}");
    ExitCode::SUCCESS
}

fn run(arguments: &Arguments) -> Result<Compiled, Failure> {
    let wasm = fs::read(&arguments.input).map_err(|error| Failure::internal(&error))?;
    let engine = if arguments.metered {
        Engine::for_metered_calls(arguments.engine)?
    } else {
        Engine::for_calls(arguments.engine)?
    };
    let compiled = artefact::compile(&engine, &wasm)?;
    publish(&compiled.bytes, &arguments.output).map_err(|error| Failure::internal(&error))?;
    Ok(compiled)
}

fn report(failure: &Failure) -> Value {
    json!({
        "ok": false,
        "code": failure.code.as_str(),
        "message": failure.message,
        "detail": failure.detail,
        "cause": failure.cause,
    })
}

/// Writes the artefact so that its name only ever shows a whole one, read-only: it is mapped into
/// memory as code.
fn publish(bytes: &[u8], output: &Path) -> io::Result<()> {
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let name = output
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, output));
    if written.is_err() {
        // The name may not exist; the error that matters is the one above.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Gives up what compiling does not need, before a byte of the upload is read.
fn confine(arguments: &Arguments) -> io::Result<()> {
    let cpu_seconds = arguments.timeout_ms.div_ceil(1000).max(1);
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_CPU, cpu_seconds)?;
    limit(libc::RLIMIT_DATA, arguments.memory_bytes)?;
    limit(libc::RLIMIT_FSIZE, FILE_BYTES_MAX)?;
    limit(libc::RLIMIT_NOFILE, OPEN_FILES_MAX)?;
    // SAFETY: no call touches memory of ours; all take plain numbers.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
        // A server that is killed leaves no compiler behind that nobody would stop.
        #[cfg(target_os = "linux")]
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: value as libc::rlim_t,
        rlim_max: value as libc::rlim_t,
    };
    // SAFETY: `limit` is a whole struct that lives past the call, which only reads it.
    let status = unsafe { libc::setrlimit(resource, &raw const limit) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut parsed = Arguments {
            input: arguments.next()?.into(),
            output: arguments.next()?.into(),
            timeout_ms: 0,
            memory_bytes: 0,
            engine: EngineOptions {
                slots: 1,
                memory_max_bytes: 0,
                table_max_elements: 0,
                stack_bytes: 0,
                pagemap_scan: false,
            },
            metered: false,
        };
        while let Some(name) = arguments.next() {
            if name == "--metered" {
                parsed.metered = true;
                continue;
            }
            let value = arguments.next()?;
            let size = || value.parse::<usize>().ok();
            match name.as_str() {
                "--timeout-ms" => parsed.timeout_ms = value.parse().ok()?,
                "--memory-bytes" => parsed.memory_bytes = value.parse().ok()?,
                "--memory-max" => parsed.engine.memory_max_bytes = size()?,
                "--table-max" => parsed.engine.table_max_elements = size()?,
                "--stack-bytes" => parsed.engine.stack_bytes = size()?,
                _ => return None,
            }
        }
        let engine = &parsed.engine;
        let complete = parsed.timeout_ms > 0
            && parsed.memory_bytes > 0
            && engine.memory_max_bytes > 0
            && engine.table_max_elements > 0
            && engine.stack_bytes > 0;
        complete.then_some(parsed)
    }
}
