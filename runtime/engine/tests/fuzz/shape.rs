//! Guests as toolchains shape them: the exports that wasm-bindgen and WASI programs have, mostly
//! with the types they should have, with bodies of [`crate::body`].

use arbitrary::{Result, Unstructured};
use wasm_encoder::{
    CodeSection, EntityType, FunctionSection, ImportSection, Module, StartSection, TypeSection,
    ValType,
};

use crate::imports::{self, Import};
use crate::{body, sections};

/// How much a guest imports.
#[derive(Clone, Copy)]
pub enum Imports {
    Any,
    Few,
    Many,
}

/// A function's own type.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

impl Signature {
    fn new(params: &[ValType], results: &[ValType]) -> Self {
        Signature {
            params: params.to_vec(),
            results: results.to_vec(),
        }
    }

    /// A few values of any types, mostly of those that can be called.
    pub fn any(bytes: &mut Unstructured<'_>) -> Result<Self> {
        Ok(Signature {
            params: some_types(bytes, 6)?,
            results: some_types(bytes, 4)?,
        })
    }

    /// Texts in and out as wasm-bindgen has them: pairs, and a return area or several results.
    fn texts(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let mut params = vec![ValType::I32; 2 * bytes.int_in_range(0..=2)?];
        let results = *bytes.choose(&[0, 0, 1, 2, 4])?;
        if results == 0 {
            params.push(ValType::I32);
        }
        Ok(Signature {
            params,
            results: vec![ValType::I32; results],
        })
    }
}

fn some_types(bytes: &mut Unstructured<'_>, most: usize) -> Result<Vec<ValType>> {
    const TYPES: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    const ODD: [ValType; 2] = [ValType::EXTERNREF, ValType::V128];
    let count = bytes.int_in_range(0..=most)?;
    let one = |_| match bytes.ratio(1, 24)? {
        true => bytes.choose(&ODD).copied(),
        false => bytes.choose(&TYPES).copied(),
    };
    (0..count).map(one).collect()
}

/// What bodies may use.
pub struct Shape {
    /// Imported functions first.
    pub functions: Vec<Signature>,
    pub imported: usize,
    pub has_memory: bool,
    /// The table of references is table 0, that of functions table 1.
    pub has_tables: bool,
}

const I32: ValType = ValType::I32;
/// Exports with a meaning, and the types that they should have.
const MACHINERY: &[(&str, &[ValType], &[ValType])] = &[
    ("__wbindgen_malloc", &[I32, I32], &[I32]),
    ("__wbindgen_malloc", &[I32], &[I32]),
    ("__wbindgen_export", &[I32, I32], &[I32]),
    ("__wbindgen_realloc", &[I32, I32, I32, I32], &[I32]),
    ("__wbindgen_free", &[I32, I32, I32], &[]),
    ("__wbindgen_add_to_stack_pointer", &[I32], &[I32]),
    ("__wbindgen_exn_store", &[I32], &[]),
    ("__wbindgen_start", &[], &[]),
    ("_initialize", &[], &[]),
    ("_start", &[], &[]),
    ("__wbindgen_describe_f0", &[], &[]),
    ("__wbindgen_describe_f1", &[], &[]),
    ("memory", &[I32], &[]),
];

/// One guest.
pub fn guest(bytes: &mut Unstructured<'_>, wanted: Imports) -> Result<Vec<u8>> {
    let count = match wanted {
        Imports::Any => bytes.int_in_range(0..=8)?,
        Imports::Few => bytes.int_in_range(0..=3)?,
        Imports::Many => bytes.int_in_range(4..=16)?,
    };
    let mut imports = imports::some(bytes, count)?;
    let describes = bytes.ratio(1, 5)?;
    if describes {
        let (module, name) = imports::DESCRIBE;
        let ty = Signature::new(&[I32], &[]);
        imports.insert(0, Import { module, name, ty });
    }
    let named = named_functions(bytes)?;
    let signatures = imports.iter().map(|import| &import.ty);
    let shape = Shape {
        functions: signatures
            .chain(named.iter().map(|(_, ty)| ty))
            .cloned()
            .collect(),
        imported: imports.len(),
        has_memory: bytes.ratio(15, 16)?,
        has_tables: bytes.arbitrary()?,
    };
    build(bytes, &shape, &imports, &named, describes)
}

/// The functions of the module's own, by the names that they are exported under.
fn named_functions(bytes: &mut Unstructured<'_>) -> Result<Vec<(String, Signature)>> {
    let mut named: Vec<(String, Signature)> = Vec::new();
    for (name, params, results) in MACHINERY {
        let known = named.iter().any(|(other, _)| other == name);
        // A program of WASI is another kind, a `memory` that is a function an odd one, and where
        // a start function ends every call little else is seen.
        let often = name.contains("_wbindgen_") && *name != "__wbindgen_start";
        if known || !bytes.ratio(if often { 5 } else { 1 }, 6)? {
            continue;
        }
        let ty = if bytes.ratio(1, 12)? {
            Signature::any(bytes)?
        } else {
            Signature::new(params, results)
        };
        named.push(((*name).to_owned(), ty));
    }
    for at in 0..bytes.int_in_range(1..=4)? {
        let ty = if bytes.ratio(2, 3)? {
            Signature::texts(bytes)?
        } else {
            Signature::any(bytes)?
        };
        named.push((format!("f{at}"), ty));
    }
    Ok(named)
}

fn build(
    bytes: &mut Unstructured<'_>,
    shape: &Shape,
    imported: &[Import],
    named: &[(String, Signature)],
    describes: bool,
) -> Result<Vec<u8>> {
    let (mut types, mut imports, mut functions) = (
        TypeSection::new(),
        ImportSection::new(),
        FunctionSection::new(),
    );
    for (at, ty) in shape.functions.iter().enumerate() {
        types
            .ty()
            .function(ty.params.iter().copied(), ty.results.iter().copied());
        match imported.get(at) {
            Some(import) => {
                imports.import(import.module, import.name, EntityType::Function(at as u32));
            }
            None => {
                functions.function(at as u32);
            }
        }
    }
    let nullary = |ty: &Signature| ty.params.is_empty() && ty.results.is_empty();
    let mut code = CodeSection::new();
    for at in shape.imported..shape.functions.len() {
        let (name, ty) = &named[at - shape.imported];
        let described = describes && name.contains("describe") && nullary(ty);
        let allocates = name.starts_with("__wbindgen") && ty.results == [I32];
        let body = if described {
            body::description(bytes)?
        } else if allocates && bytes.ratio(3, 4)? {
            body::allocator(bytes)?
        } else {
            body::body(bytes, shape, at)?
        };
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    if shape.has_tables {
        module.section(&sections::tables(bytes)?);
    }
    if shape.has_memory {
        module.section(&sections::memory(bytes)?);
    }
    module
        .section(&sections::globals(bytes)?)
        .section(&sections::exports(bytes, shape, named)?);
    let start = shape.functions.iter().position(nullary);
    if let Some(start) = start
        && bytes.ratio(1, 12)?
    {
        module.section(&StartSection {
            function_index: start as u32,
        });
    }
    if shape.has_tables {
        module.section(&sections::elements(shape));
    }
    module.section(&code);
    if shape.has_memory {
        module.section(&sections::data(bytes)?);
    }
    if bytes.arbitrary()? {
        module.section(&sections::producers(bytes)?);
    }
    Ok(module.finish())
}
