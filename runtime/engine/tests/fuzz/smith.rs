//! Modules by wasm-smith: any at all, or one with the imports and exports of a given one; and
//! damage to the bytes of either.

use arbitrary::{Result, Unstructured};
use wasm_smith::{Config, Module};

/// Any module. Most use only what the engine takes; some use what it must refuse.
pub fn module(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut config: Config = bytes.arbitrary()?;
    config.allow_start_export = bytes.ratio(1, 4)?;
    config.generate_custom_sections = bytes.ratio(1, 4)?;
    if bytes.ratio(7, 8)? {
        keep_to_the_engine(&mut config);
    }
    generate(config, bytes)
}

/// A module of the same imports and exports with bodies, tables and data of wasm-smith's; or, as
/// often, the given one: random bodies seldom come as far as ours do.
pub fn rewritten(bytes: &mut Unstructured<'_>, shape: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.ratio(2, 3)? {
        return Ok(shape);
    }
    let mut config = Config {
        module_shape: Some(shape),
        ..Config::default()
    };
    keep_to_the_engine(&mut config);
    generate(config, bytes)
}

fn keep_to_the_engine(config: &mut Config) {
    config.allow_invalid_funcs = false;
    config.custom_descriptors_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.gc_enabled = false;
    config.max_memories = 1;
    config.memory64_enabled = false;
    config.relaxed_simd_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.threads_enabled = false;
    config.wide_arithmetic_enabled = false;
    // Enough for the ceilings to be passed now and then, seldom enough for calls to happen.
    config.max_memory32_bytes = 8 << 20;
    config.max_table_elements = 8_000;
    config.max_tables = config.max_tables.min(9);
}

fn generate(config: Config, bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut module = Module::new(config, bytes)?;
    // Half of the modules stop by themselves, so that their results are seen too.
    if bytes.arbitrary()? {
        // A shape without room for another global keeps its endless loops.
        let _ = module.ensure_termination(1_000);
    }
    Ok(module.to_bytes())
}

/// The same module, or one cut short, with changed bytes, or with custom sections of our names
/// and any content.
pub fn damaged(bytes: &mut Unstructured<'_>, mut wasm: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.ratio(1, 4)? {
        for name in ["producers", "__wasm_bindgen_unstable"] {
            if bytes.arbitrary()? {
                append_section(&mut wasm, name, content(bytes)?);
            }
        }
    }
    if bytes.ratio(1, 3)? {
        for _ in 0..bytes.int_in_range(1..=4)? {
            let at = bytes.choose_index(wasm.len())?;
            wasm[at] = bytes.arbitrary()?;
        }
    }
    if bytes.ratio(1, 16)? {
        wasm.truncate(bytes.choose_index(wasm.len())?);
    }
    Ok(wasm)
}

fn content(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut content = bytes.bytes(bytes.len().min(40))?.to_vec();
    if bytes.arbitrary()? {
        content.extend(b"{\"schema_version\":\"0.2.");
        content.extend(bytes.arbitrary::<u64>()?.to_string().bytes());
        content.extend(if bytes.arbitrary()? { b"\"" } else { b"9" });
    }
    Ok(content)
}

fn append_section(wasm: &mut Vec<u8>, name: &str, data: Vec<u8>) {
    let section = wasm_encoder::CustomSection {
        name: name.into(),
        data: data.into(),
    };
    wasm_encoder::Section::append_to(&section, wasm);
}
