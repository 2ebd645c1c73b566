//! The sections of a guest that are no code: memory, tables, exports and what lies in them.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{
    ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection, GlobalSection,
    GlobalType, MemorySection, MemoryType, ProducersField, ProducersSection, RefType, TableSection,
    TableType, ValType,
};

use crate::expression::interesting;
use crate::shape::{Shape, Signature};

pub fn memory(bytes: &mut Unstructured<'_>) -> Result<MemorySection> {
    let past = if bytes.ratio(1, 4)? { 65 } else { 1 };
    let minimum = *bytes.choose(&[1, 1, 1, 1, 1, 2, 2, 3, 16, 64, 0, past])?;
    let maximum = if bytes.arbitrary()? {
        Some(minimum + bytes.int_in_range(0..=80)?)
    } else {
        None
    };
    let mut section = MemorySection::new();
    section.memory(MemoryType {
        minimum,
        maximum,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    Ok(section)
}

pub fn tables(bytes: &mut Unstructured<'_>) -> Result<TableSection> {
    let mut section = TableSection::new();
    for element_type in [RefType::EXTERNREF, RefType::FUNCREF] {
        let past = if bytes.ratio(1, 12)? { 5_001 } else { 64 };
        let minimum = *bytes.choose(&[64, 64, 0, past])?;
        let maximum = if bytes.ratio(1, 4)? {
            Some(minimum)
        } else {
            None
        };
        section.table(TableType {
            element_type,
            minimum: minimum.max(if element_type == RefType::FUNCREF {
                64
            } else {
                0
            }),
            maximum: maximum.map(|most| most.max(64)),
            table64: false,
            shared: false,
        });
    }
    Ok(section)
}

pub fn globals(bytes: &mut Unstructured<'_>) -> Result<GlobalSection> {
    let mut section = GlobalSection::new();
    let val_type = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    section.global(val_type, &ConstExpr::i32_const(interesting(bytes)?));
    Ok(section)
}

pub fn exports(
    bytes: &mut Unstructured<'_>,
    shape: &Shape,
    named: &[(String, Signature)],
) -> Result<ExportSection> {
    let mut section = ExportSection::new();
    for (at, (name, _)) in named.iter().enumerate() {
        // A name with a meaning may also stand for what is no function.
        if bytes.ratio(1, 24)? {
            section.export(name, ExportKind::Global, 0);
        } else {
            section.export(name, ExportKind::Func, (shape.imported + at) as u32);
        }
    }
    if shape.has_memory && !named.iter().any(|(name, _)| name == "memory") {
        section.export("memory", ExportKind::Memory, 0);
    }
    if shape.has_tables && bytes.ratio(3, 4)? {
        section.export("__wbindgen_externrefs", ExportKind::Table, 0);
    }
    if bytes.arbitrary()? {
        section.export("__stack_pointer", ExportKind::Global, 0);
    }
    Ok(section)
}

/// The module's own functions, for indirect calls.
pub fn elements(shape: &Shape) -> ElementSection {
    let mut section = ElementSection::new();
    let own = (shape.imported..shape.functions.len())
        .take(32)
        .map(|at| at as u32);
    let own: Vec<u32> = own.collect();
    section.active(
        Some(1),
        &ConstExpr::i32_const(1),
        Elements::Functions(own.into()),
    );
    section
}

/// Words that mean something where imports read them: pointers, lengths, tags, small numbers.
pub fn data(bytes: &mut Unstructured<'_>) -> Result<DataSection> {
    let mut section = DataSection::new();
    let mut words = Vec::new();
    for _ in 0..bytes.int_in_range(0..=96)? {
        words.extend(interesting(bytes)?.to_le_bytes());
    }
    section.active(0, &ConstExpr::i32_const(0), words);
    Ok(section)
}

pub fn producers(bytes: &mut Unstructured<'_>) -> Result<ProducersSection> {
    const RELEASES: [u32; 16] = [
        0,
        61,
        65,
        66,
        69,
        70,
        78,
        79,
        83,
        87,
        95,
        96,
        118,
        119,
        130,
        u32::MAX,
    ];
    let mut field = ProducersField::new();
    field.value("wasm-bindgen", &format!("0.2.{}", bytes.choose(&RELEASES)?));
    let mut section = ProducersSection::new();
    section.field("processed-by", &field);
    Ok(section)
}
