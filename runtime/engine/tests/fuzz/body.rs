//! Random function bodies: valid code that stores, loads, calls imports with odd pointers, grows
//! memory, loops and traps. Values are drawn from those at which bounds checks go wrong.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, ValType};

use crate::expression::{interesting, plain};
use crate::shape::{Shape, Signature};

/// Expressions nest no deeper, and a body has no more statements.
pub const DEPTH_MAX: u32 = 3;
const STATEMENTS_MAX: usize = 8;
const LOCALS: [ValType; 6] = [
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::EXTERNREF,
];

/// The body of the function at `index`. Half of them keep to numbers that make sense, so that
/// calls come to an end and results are read.
pub fn body(bytes: &mut Unstructured<'_>, shape: &Shape, index: usize) -> Result<Function> {
    let own = &shape.functions[index];
    let sober = bytes.arbitrary()?;
    let mut body = Body {
        bytes,
        shape,
        own,
        sober,
        locals: own.params.iter().chain(&LOCALS).copied().collect(),
        code: Vec::new(),
    };
    body.statements(0)?;
    body.results(0)?;
    body.code.push(I::End);
    let mut function = Function::new_with_locals_types(LOCALS);
    for instruction in &body.code {
        function.instruction(instruction);
    }
    Ok(function)
}

/// The body of an allocator or of what moves the stack: an address within the first page, however
/// much was asked for.
pub fn allocator(bytes: &mut Unstructured<'_>) -> Result<Function> {
    let mut function = Function::new([]);
    let address = 1_024 * bytes.int_in_range(1..=63)?;
    function.instruction(&I::I32Const(address));
    function.instruction(&I::End);
    Ok(function)
}

/// The body of a describe function: words to the first import. Mostly small, as tags are.
pub fn description(bytes: &mut Unstructured<'_>) -> Result<Function> {
    let mut function = Function::new([]);
    for at in 0..bytes.int_in_range(0..=12)? {
        let word = match at {
            // The tag of functions lies here in every release.
            0 => bytes.int_in_range(11..=15)?,
            _ if bytes.ratio(1, 16)? => interesting(bytes)?,
            _ => bytes.int_in_range(0..=39)?,
        };
        function
            .instruction(&I::I32Const(word))
            .instruction(&I::Call(0));
    }
    function.instruction(&I::End);
    Ok(function)
}

/// A body in the making.
pub struct Body<'a, 'u> {
    pub bytes: &'a mut Unstructured<'u>,
    pub shape: &'a Shape,
    pub own: &'a Signature,
    pub sober: bool,
    pub locals: Vec<ValType>,
    pub code: Vec<I<'static>>,
}

impl Body<'_, '_> {
    fn statements(&mut self, depth: u32) -> Result<()> {
        for _ in 0..self.bytes.int_in_range(0..=STATEMENTS_MAX >> depth)? {
            self.statement(depth)?;
        }
        Ok(())
    }

    fn statement(&mut self, depth: u32) -> Result<()> {
        match self.bytes.int_in_range(0..=20)? {
            0..=4 if self.shape.has_memory => self.store(),
            5..=10 => self.call_any(),
            11 | 12 => self.set_local(),
            13 => {
                self.expression(ValType::I32, 1)?;
                self.code.push(I::GlobalSet(0));
                Ok(())
            }
            14 if depth < DEPTH_MAX => {
                self.expression(ValType::I32, 1)?;
                self.code.push(I::If(BlockType::Empty));
                self.statements(depth + 1)?;
                self.code.push(I::End);
                Ok(())
            }
            15 if depth < DEPTH_MAX && !self.sober => {
                self.code.push(I::Loop(BlockType::Empty));
                self.statements(depth + 1)?;
                self.expression(ValType::I32, 1)?;
                self.code.extend([I::BrIf(0), I::End]);
                Ok(())
            }
            16 if self.shape.has_memory && !self.sober => self.bulk(),
            17 if self.shape.has_tables => self.table(),
            18 if !self.sober && self.bytes.ratio(1, 4)? => {
                self.code.push(I::Unreachable);
                Ok(())
            }
            19 if depth > 0 && self.bytes.ratio(1, 4)? => {
                self.results(1)?;
                self.code.push(I::Return);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn results(&mut self, depth: u32) -> Result<()> {
        let own = self.own;
        own.results
            .iter()
            .try_for_each(|ty| self.expression(*ty, depth))
    }

    /// A write, often to where the first argument points: it may be the return area.
    fn store(&mut self) -> Result<()> {
        self.address()?;
        let (ty, store): (ValType, fn(MemArg) -> I<'static>) =
            match self.bytes.int_in_range(0..=5)? {
                0 => (ValType::I64, I::I64Store),
                1 => (ValType::F64, I::F64Store),
                2 => (ValType::I32, I::I32Store8),
                _ => (ValType::I32, I::I32Store),
            };
        self.expression(ty, 1)?;
        let place = self.place()?;
        self.code.push(store(place));
        Ok(())
    }

    pub fn address(&mut self) -> Result<()> {
        if self.locals[0] == ValType::I32 && self.bytes.arbitrary()? {
            self.code.push(I::LocalGet(0));
            return Ok(());
        }
        if self.sober {
            let at = plain(self.bytes)?;
            self.code.push(I::I32Const(at));
            return Ok(());
        }
        self.expression(ValType::I32, 1)
    }

    pub fn place(&mut self) -> Result<MemArg> {
        Ok(MemArg {
            offset: match self.sober {
                true => *self.bytes.choose(&[0, 4, 8, 12])?,
                false => *self.bytes.choose(&[0, 0, 4, 16, 65_535, 0xFFFF_FFFF])?,
            },
            align: 0,
            memory_index: 0,
        })
    }

    fn bulk(&mut self) -> Result<()> {
        for _ in 0..3 {
            self.expression(ValType::I32, 2)?;
        }
        let copies = self.bytes.arbitrary()?;
        self.code.push(if copies {
            I::MemoryCopy {
                src_mem: 0,
                dst_mem: 0,
            }
        } else {
            I::MemoryFill(0)
        });
        Ok(())
    }

    fn table(&mut self) -> Result<()> {
        if self.bytes.arbitrary()? {
            self.expression(ValType::EXTERNREF, 1)?;
            self.expression(ValType::I32, 1)?;
            self.code.extend([I::TableGrow(0), I::Drop]);
        } else {
            self.expression(ValType::I32, 1)?;
            self.expression(ValType::EXTERNREF, 1)?;
            self.code.push(I::TableSet(0));
        }
        Ok(())
    }

    fn set_local(&mut self) -> Result<()> {
        let local = self.bytes.choose_index(self.locals.len())?;
        self.expression(self.locals[local], 0)?;
        self.code.push(I::LocalSet(local as u32));
        Ok(())
    }

    /// A call whose results fall away: of an import where there is one, else seldom of its own.
    fn call_any(&mut self) -> Result<()> {
        let among = if self.shape.imported > 0 && self.bytes.ratio(7, 8)? {
            self.shape.imported
        } else {
            self.shape.functions.len()
        };
        let callee = self.bytes.choose_index(among)?;
        let ty = &self.shape.functions[callee];
        ty.params
            .iter()
            .try_for_each(|param| self.expression(*param, 2))?;
        self.code.push(I::Call(callee as u32));
        self.code.extend(ty.results.iter().map(|_| I::Drop));
        Ok(())
    }
}
