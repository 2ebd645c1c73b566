//! Expressions of a random body, and the values that they are made of.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{HeapType, Instruction as I, ValType};

use crate::body::{Body, DEPTH_MAX};
use crate::shape::Signature;

/// A number at or near a border of something, or any.
pub fn interesting(bytes: &mut Unstructured<'_>) -> Result<i32> {
    const NUMBERS: [i32; 32] = [
        0,
        1,
        2,
        3,
        4,
        8,
        12,
        16,
        24,
        32,
        40,
        48,
        64,
        100,
        128,
        1_000,
        1_024,
        1_025,
        1_028,
        1_029,
        4_096,
        65_532,
        65_535,
        65_536,
        1 << 20,
        4 << 20,
        i32::MAX,
        i32::MIN,
        -1,
        -4,
        -8,
        -32,
    ];
    if bytes.ratio(7, 8)? {
        bytes.choose(&NUMBERS).copied()
    } else {
        bytes.arbitrary()
    }
}

/// A float that no integer is, or one that is, or one that means nothing to wasm-bindgen.
fn float(number: i32, bytes: &mut Unstructured<'_>) -> Result<f64> {
    const ODD: [f64; 6] = [
        f64::NAN,
        f64::INFINITY,
        -0.0,
        1e300,
        4_294_967_297.0,
        9_007_199_254_740_991.0,
    ];
    if bytes.arbitrary()? {
        bytes.choose(&ODD).copied()
    } else {
        Ok(f64::from(number) + 0.5)
    }
}

/// A number that an address, a length or a flag may well be.
pub fn plain(bytes: &mut Unstructured<'_>) -> Result<i32> {
    const NUMBERS: [i32; 10] = [0, 1, 2, 4, 8, 16, 100, 512, 1_028, 4_096];
    bytes.choose(&NUMBERS).copied()
}

impl Body<'_, '_> {
    /// Leaves one value of this type.
    pub fn expression(&mut self, ty: ValType, depth: u32) -> Result<()> {
        let choice = self.bytes.int_in_range(0..=9)?;
        let deep = depth < DEPTH_MAX;
        match (choice, ty) {
            (0..=2, _) => {
                let fits = |(at, local): (usize, &ValType)| (*local == ty).then_some(at);
                let fitting: Vec<usize> = self.locals.iter().enumerate().filter_map(fits).collect();
                match fitting[..] {
                    [] => self.constant(ty),
                    _ => {
                        self.code
                            .push(I::LocalGet(*self.bytes.choose(&fitting)? as u32));
                        Ok(())
                    }
                }
            }
            (3, _) if deep => self.call_for(ty, depth),
            (4, ValType::I32) if deep && self.shape.has_memory => {
                self.address()?;
                let place = self.place()?;
                self.code.push(I::I32Load(place));
                Ok(())
            }
            (5, ValType::I32) if deep => {
                self.expression(ValType::I32, depth + 1)?;
                self.expression(ValType::I32, depth + 1)?;
                let operation = self.bytes.choose_index(if self.sober { 3 } else { 4 })?;
                self.code
                    .push([I::I32Add, I::I32Sub, I::I32Mul, I::I32DivS][operation].clone());
                Ok(())
            }
            (6, ValType::I32) if self.shape.has_memory => {
                self.code.push(I::MemorySize(0));
                if self.bytes.ratio(1, 8)? {
                    self.code.push(I::MemoryGrow(0));
                }
                Ok(())
            }
            (7, ValType::I32) => {
                self.code.push(I::GlobalGet(0));
                Ok(())
            }
            (8, ValType::EXTERNREF) if deep && self.shape.has_tables => {
                self.expression(ValType::I32, depth + 1)?;
                self.code.push(I::TableGet(0));
                Ok(())
            }
            _ => self.constant(ty),
        }
    }

    /// The only result of some function, where one gives this type.
    fn call_for(&mut self, ty: ValType, depth: u32) -> Result<()> {
        let gives = |(at, one): (usize, &Signature)| (one.results == [ty]).then_some(at);
        let fitting: Vec<usize> = self
            .shape
            .functions
            .iter()
            .enumerate()
            .filter_map(gives)
            .collect();
        if fitting.is_empty() {
            return self.constant(ty);
        }
        let callee = *self.bytes.choose(&fitting)?;
        let params = &self.shape.functions[callee].params;
        params
            .iter()
            .try_for_each(|param| self.expression(*param, depth + 1))?;
        self.code.push(I::Call(callee as u32));
        Ok(())
    }

    fn constant(&mut self, ty: ValType) -> Result<()> {
        let number = match self.sober {
            true => plain(self.bytes)?,
            false => interesting(self.bytes)?,
        };
        self.code.push(match ty {
            ValType::I32 => I::I32Const(number),
            ValType::I64 => I::I64Const(i64::from(number) << *self.bytes.choose(&[0, 0, 1, 32])?),
            ValType::F32 => I::F32Const((float(number, self.bytes)? as f32).into()),
            ValType::F64 => I::F64Const(float(number, self.bytes)?.into()),
            ValType::V128 => I::V128Const(number.into()),
            _ => I::RefNull(HeapType::EXTERN),
        });
        Ok(())
    }
}
