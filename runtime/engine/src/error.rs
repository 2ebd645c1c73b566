//! What crosses to the caller when something fails: a stable code, a sentence and details.

use std::fmt;

use serde_json::{Value, json};
use wasmtime::Trap;

use crate::host::Host;
use crate::limits::Refused;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable name of a failure; callers branch on it, never on the message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// The code as it crosses to the caller.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The upload does not begin as a WebAssembly module does.
    NotWasm = "NOT_WASM",
    /// The upload is native code or a compiled artefact.
    PrecompiledRefused = "PRECOMPILED_REFUSED",
    /// The upload is truncated, malformed, or uses a feature that is off.
    InvalidWasm = "INVALID_WASM",
    /// The upload is a component.
    ComponentUnsupported = "COMPONENT_UNSUPPORTED",
    /// The module imports a memory, table, global or tag that nothing provides.
    MissingImportKind = "MISSING_IMPORT_KIND",
    /// Compiling the module would take more than the limits allow.
    ModuleTooComplex = "MODULE_TOO_COMPLEX",
    /// The module declares more memory or table than any call may have.
    ModuleExceedsLimits = "MODULE_EXCEEDS_LIMITS",
    /// A compiled artefact was made by another version or configuration.
    ArtefactUnusable = "ARTEFACT_UNUSABLE",
    /// The module has no callable export of that name.
    UnknownFunction = "UNKNOWN_FUNCTION",
    /// The function takes another number of arguments.
    WrongArgumentCount = "WRONG_ARGUMENT_COUNT",
    /// The function's types cannot be told from its signature.
    AmbiguousTypes = "AMBIGUOUS_TYPES",
    /// The function takes or returns what no HTTP body can carry.
    UnsupportedSignature = "UNSUPPORTED_SIGNATURE",
    /// An input does not parse as its parameter's type.
    InputTypeMismatch = "INPUT_TYPE_MISMATCH",
    /// The function returned an error; the message is its text.
    FunctionError = "FUNCTION_ERROR",
    /// The guest trapped.
    Trap = "TRAP",
    /// The guest called an import that nothing provides.
    MissingImport = "MISSING_IMPORT",
    /// The guest exited with a code other than zero.
    ExitCode = "EXIT_CODE",
    /// The call's wall time ran out.
    RunTimeout = "RUN_TIMEOUT",
    /// The guest needed more memory than the call allows.
    MemoryLimit = "MEMORY_LIMIT",
    /// The guest needed larger tables than the call allows.
    TableLimit = "TABLE_LIMIT",
    /// The guest did more work than the call allows.
    FuelLimit = "FUEL_LIMIT",
    /// The result is longer than the call allows.
    OutputTooLarge = "OUTPUT_TOO_LARGE",
    /// Text was asked for, and the result is not UTF-8.
    InvalidUtf8 = "INVALID_UTF8",
    /// The guest stored more than its executable's store may hold.
    StoreFull = "STORE_FULL",
    /// The guest broke its calling convention.
    GuestAbi = "GUEST_ABI",
    /// Too many calls of this executable wait already.
    QueueFull = "QUEUE_FULL",
    /// The call waited for its turn longer than allowed.
    QueueTimeout = "QUEUE_TIMEOUT",
    /// The caller took the call back.
    Canceled = "CANCELED",
    /// The sandbox is closing.
    Closed = "CLOSED",
    /// A fault of ours.
    Internal = "INTERNAL",
}

/// A failure as its caller sees it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// A sentence that says what happened and what to do.
    pub message: String,
    /// An object with the particulars, or null.
    pub detail: Value,
    /// What lies behind a fault of ours: for the log, never for callers.
    pub cause: Option<String>,
}

impl Failure {
    /// A failure without particulars.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            detail: Value::Null,
            cause: None,
        }
    }

    /// The same failure with particulars: a JSON object.
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// Names what ended a guest. A limit that the guest ran into explains the trap that usually
    /// follows it: a guest told that its memory may not grow aborts, or writes to where it is not.
    pub fn from_guest(error: wasmtime::Error, host: &Host) -> Self {
        let error = match error.downcast::<Failure>() {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
            return Failure::exit_code(*code);
        }
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::OutOfFuel) {
            return host.limits.fuel_failure();
        }
        if let Some(refused) = host.limits.refused()
            && trap.is_none_or(|trap| follows(refused, *trap))
        {
            let mut failure = host.limits.failure(refused);
            if let Some(trap) = trap {
                failure.detail["trap"] = describe_trap(*trap).0.into();
            }
            return failure;
        }
        match trap {
            Some(trap) => Failure::trap(*trap, host.thrown.as_deref()),
            None if error.is::<wasmtime::ThrownException>() => Failure::new(
                Code::Trap,
                "The function threw an exception that nothing caught.",
            )
            .with(json!({ "trap": "uncaught_exception", "message": host.thrown })),
            None => Failure::internal(&error),
        }
    }

    /// A guest that exited by its own will with a code other than zero.
    pub fn exit_code(code: i32) -> Self {
        Failure::new(
            Code::ExitCode,
            format!("The function exited with code {code}."),
        )
        .with(json!({ "exit_code": code }))
    }

    /// The sandbox takes no more calls.
    pub fn closed() -> Self {
        Failure::new(Code::Closed, "The sandbox is closing; call again later.")
    }

    /// A fault of ours. The cause helps whoever reads the log.
    pub fn internal(cause: &dyn fmt::Debug) -> Self {
        let message = "The sandbox failed; this is not the function's fault.";
        Failure {
            cause: Some(format!("{cause:?}")),
            ..Failure::new(Code::Internal, message)
        }
    }

    fn trap(trap: Trap, thrown: Option<&str>) -> Self {
        let (kind, sentence) = describe_trap(trap);
        let message = match thrown {
            Some(text) => format!("The function stopped: {text}"),
            None => format!("The function trapped: {sentence}."),
        };
        Failure::new(Code::Trap, message).with(json!({ "trap": kind, "message": thrown }))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}

/// How `proc_exit` leaves the guest: as an error that no guest code sees.
#[derive(Clone, Copy, Debug)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Whether a guest that was refused more usually ends by `trap`.
fn follows(refused: Refused, trap: Trap) -> bool {
    match trap {
        Trap::UnreachableCodeReached | Trap::AllocationTooLarge => true,
        Trap::MemoryOutOfBounds => refused == Refused::Memory,
        Trap::TableOutOfBounds => refused == Refused::Table,
        _ => false,
    }
}

fn describe_trap(trap: Trap) -> (&'static str, &'static str) {
    match trap {
        Trap::UnreachableCodeReached => (
            "unreachable",
            "it reached code marked unreachable (a panic or an abort)",
        ),
        Trap::MemoryOutOfBounds => (
            "memory_out_of_bounds",
            "it read or wrote outside its memory",
        ),
        Trap::TableOutOfBounds => ("table_out_of_bounds", "it used an index outside its table"),
        Trap::IndirectCallToNull => ("indirect_call_to_null", "it called an empty table slot"),
        Trap::BadSignature => (
            "bad_signature",
            "it called a table slot of another signature",
        ),
        Trap::IntegerOverflow => ("integer_overflow", "an integer operation overflowed"),
        Trap::IntegerDivisionByZero => ("integer_division_by_zero", "it divided by zero"),
        Trap::BadConversionToInteger => (
            "bad_conversion_to_integer",
            "it turned a number that is no integer into one",
        ),
        Trap::StackOverflow => (
            "stack_overflow",
            "it used up its stack, perhaps by recursion",
        ),
        Trap::HeapMisaligned => ("heap_misaligned", "an atomic operation was not aligned"),
        Trap::NullReference => ("null_reference", "it used a null reference"),
        Trap::ArrayOutOfBounds => ("array_out_of_bounds", "it used an index outside an array"),
        Trap::AllocationTooLarge => ("allocation_too_large", "it asked for too large an object"),
        Trap::CastFailure => (
            "cast_failure",
            "a reference was not of the type it was cast to",
        ),
        Trap::AtomicWaitNonSharedMemory => (
            "atomic_wait_non_shared_memory",
            "it waited on memory that is not shared",
        ),
        _ => ("other", "an operation failed"),
    }
}
