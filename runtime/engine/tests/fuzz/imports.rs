//! The functions that guests import: WASI's and wasm-bindgen's by their names, each with the types
//! that it has, or now and then with others.

use arbitrary::{Result, Unstructured};
use wasm_encoder::ValType;

use crate::shape::Signature;

/// Module, name, parameters, results: `i` i32, `I` i64, `f` f32, `F` f64, `x` a reference of
/// either form (i32 or externref). A wasm-bindgen name may come from any module.
const IMPORTS: &[(&str, &str, &str, &str)] = &[
    (WASI, "fd_write", "iiii", "i"),
    (WASI, "fd_read", "iiii", "i"),
    (WASI, "fd_close", "i", "i"),
    (WASI, "fd_fdstat_get", "ii", "i"),
    (WASI, "fd_seek", "iIii", "i"),
    (WASI, "fd_prestat_get", "ii", "i"),
    (WASI, "args_sizes_get", "ii", "i"),
    (WASI, "args_get", "ii", "i"),
    (WASI, "environ_sizes_get", "ii", "i"),
    (WASI, "environ_get", "ii", "i"),
    (WASI, "clock_time_get", "iIi", "i"),
    (WASI, "clock_res_get", "ii", "i"),
    (WASI, "random_get", "ii", "i"),
    (WASI, "poll_oneoff", "iiii", "i"),
    (WASI, "proc_exit", "i", ""),
    (WASI, "proc_raise", "i", "i"),
    (WASI, "sched_yield", "", "i"),
    ("wasi_unstable", "fd_write", "iiii", "i"),
    (BINDGEN, "__wbindgen_throw", "ii", ""),
    (BINDGEN, "__wbindgen_rethrow", "x", ""),
    (BINDGEN, "__wbindgen_init_externref_table", "", ""),
    (BINDGEN, "__wbindgen_error_new", "ii", "x"),
    (BINDGEN, "__wbindgen_string_new", "ii", "x"),
    (BINDGEN, "__wbindgen_number_new", "F", "x"),
    (BINDGEN, "__wbindgen_bigint_from_i64", "I", "x"),
    (BINDGEN, "__wbindgen_cast_0123456789abcdef", "ii", "x"),
    (BINDGEN, "__wbindgen_object_clone_ref", "x", "x"),
    (BINDGEN, "__wbindgen_object_drop_ref", "i", ""),
    (BINDGEN, "__wbindgen_jsval_eq", "xx", "i"),
    (BINDGEN, "__wbindgen_is_undefined", "x", "i"),
    (BINDGEN, "__wbindgen_is_string", "x", "i"),
    (BINDGEN, "__wbindgen_string_get", "ix", ""),
    (BINDGEN, "__wbindgen_debug_string", "ix", ""),
    (BINDGEN, "__wbg_log_0123456789abcdef", "ii", ""),
    (BINDGEN, "__wbg_error_0123456789abcdef", "xxx", ""),
    (BINDGEN, "__wbg_stack_0123456789abcdef", "ix", ""),
    (BINDGEN, "__wbg_now_0123456789abcdef", "", "F"),
    (BINDGEN, "__wbg_new_0123456789abcdef", "ii", "x"),
    (BINDGEN, "__wbg_new0_0123456789abcdef", "", "x"),
    (BINDGEN, "__wbg_length_0123456789abcdef", "x", "i"),
    (BINDGEN, "__wbg_newwithlength_0123456789abcdef", "i", "x"),
    (
        BINDGEN,
        "__wbg_newwithbyteoffsetandlength_0123456789abcdef",
        "xii",
        "x",
    ),
    (BINDGEN, "__wbg_subarray_0123456789abcdef", "xii", "x"),
    (BINDGEN, "__wbg_set_0123456789abcdef", "xxi", ""),
    (
        BINDGEN,
        "__wbg_prototypesetcall_0123456789abcdef",
        "iix",
        "",
    ),
    (BINDGEN, "__wbg_getRandomValues_0123456789abcdef", "ii", ""),
    (BINDGEN, "__wbg_getRandomValues_0123456789abcdef", "xx", ""),
    (BINDGEN, "__wbg_randomFillSync_0123456789abcdef", "xx", ""),
    (BINDGEN, "__wbindgen_externref_table_grow", "i", "i"),
    (BINDGEN, "__wbindgen_externref_table_set_null", "i", ""),
    (BINDGEN, "__wbindgen_describe_cast", "ii", "i"),
    (BINDGEN, "nobody_provides_this", "iI", "F"),
];
const WASI: &str = "wasi_snapshot_preview1";
const BINDGEN: &str = "__wbindgen_placeholder__";
/// The import that makes a module cargo's output.
pub const DESCRIBE: (&str, &str) = (BINDGEN, "__wbindgen_describe");

/// An imported function.
pub struct Import {
    pub module: &'static str,
    pub name: &'static str,
    pub ty: Signature,
}

/// A choice of them; the same name twice only now and then.
pub fn some(bytes: &mut Unstructured<'_>, count: usize) -> Result<Vec<Import>> {
    let mut chosen: Vec<Import> = Vec::new();
    for _ in 0..count {
        let import = one(bytes)?;
        let known = chosen.iter().any(|other| other.name == import.name);
        if !known || bytes.ratio(1, 32)? {
            chosen.push(import);
        }
    }
    Ok(chosen)
}

fn one(bytes: &mut Unstructured<'_>) -> Result<Import> {
    let (module, name, params, results) = *bytes.choose(IMPORTS)?;
    let reference = if bytes.arbitrary()? {
        ValType::EXTERNREF
    } else {
        ValType::I32
    };
    let ty = if bytes.ratio(1, 12)? {
        Signature::any(bytes)?
    } else {
        let list = |letters: &str| letters.chars().map(|one| named(one, reference)).collect();
        Signature {
            params: list(params),
            results: list(results),
        }
    };
    Ok(Import { module, name, ty })
}

fn named(letter: char, reference: ValType) -> ValType {
    match letter {
        'i' => ValType::I32,
        'I' => ValType::I64,
        'f' => ValType::F32,
        'F' => ValType::F64,
        _ => reference,
    }
}
