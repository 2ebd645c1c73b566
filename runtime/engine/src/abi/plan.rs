//! Decides how a request's inputs become a function's arguments: declared or described types
//! first, else by the shape of its signature. Nothing runs here.

use wasmtime::Val;

use super::value::{Arg, Layout, NONE_F64, NONE_F64_OLD, number};
use super::{Prepared, failures};
use crate::call::CallRequest;
use crate::describe::{Abi, Function, Kind, ReturnArea};
use crate::error::Failure;
use crate::types::{Core, Type};

/// How a call will be made.
pub struct Plan<'a> {
    pub(super) prepared: &'a Prepared,
    /// The function's place in the interface.
    pub(super) function: usize,
    pub(super) args: Vec<Arg<'a>>,
    /// Whether the first parameter is the address of the return area.
    pub(super) has_return_area: bool,
    pub(super) layout: Layout,
    /// The result's type, where somebody told it.
    pub(super) result: Option<Type>,
}

impl Plan<'_> {
    pub(super) fn function(&self) -> &Function {
        &self.prepared.interface.functions[self.function]
    }
}

/// Plans a call, or says why the request does not fit.
pub fn plan<'a>(prepared: &'a Prepared, request: &'a CallRequest) -> Result<Plan<'a>, Failure> {
    let interface = &prepared.interface;
    if interface.kind == Kind::WasiCommand {
        // A program takes any function name: it is its argument zero.
        return Ok(Plan {
            prepared,
            function: 0,
            args: Vec::new(),
            has_return_area: false,
            layout: layouts(&interface.abi)[0],
            result: None,
        });
    }
    let index = *prepared
        .by_name
        .get(&request.function)
        .ok_or_else(|| failures::unknown_function(interface, &request.function))?;
    let function = &interface.functions[index];
    if let Some(why) = &function.unsupported {
        return Err(failures::unsupported(function, why));
    }
    let declared = request.types();
    let params = declared
        .map(|types| &types.params)
        .or(function.params.as_ref());
    let result = match declared {
        Some(types) => types.result.as_ref(),
        None => function.result.as_ref(),
    };
    let abi = &interface.abi;
    let Some(params) = params else {
        let (args, has_return_area) = match interface.kind {
            Kind::Raw => (raw_numbers(function, request)?, false),
            _ => untyped(abi, function, request)?,
        };
        let layout = layouts(abi)[0];
        return Ok(Plan {
            prepared,
            function: index,
            args,
            has_return_area,
            layout,
            result: None,
        });
    };
    let fit = fits(abi, function, params, result).ok_or_else(|| failures::wrong_types(function))?;
    let Fit {
        layout,
        has_return_area,
        result,
    } = fit;
    let args = typed(function, params, &layout, request)?;
    Ok(Plan {
        prepared,
        function: index,
        args,
        has_return_area,
        layout,
        result: result.cloned(),
    })
}

/// How types fit a function.
pub struct Fit<'t> {
    layout: Layout,
    has_return_area: bool,
    /// The result as it is returned: errors of the first generations are no part of it.
    result: Option<&'t Type>,
}

/// The layout under which these types are this function's. `None` when they are not its types
/// under any layout.
pub fn fits<'t>(
    abi: &Abi,
    function: &Function,
    params: &[Type],
    result: Option<&'t Type>,
) -> Option<Fit<'t>> {
    let core_params = &function.core_params;
    for layout in layouts(abi) {
        let flat: Vec<Core> = params
            .iter()
            .flat_map(|param| layout.flatten(param))
            .collect();
        let wanted = result.map(|result| layout.flatten(result));
        let direct = *core_params == flat
            && wanted
                .as_ref()
                .is_none_or(|wanted| function.core_results == *wanted);
        if direct {
            return Some(Fit {
                layout,
                has_return_area: false,
                result,
            });
        }
        let through_area = has_area(abi, function)
            && core_params[1..] == flat
            && wanted.is_none_or(|wanted| wanted.len() > 1);
        if through_area {
            return Some(Fit {
                layout,
                has_return_area: true,
                result,
            });
        }
    }
    match result {
        Some(Type::Result(value)) if throws_errors(abi) => fits(abi, function, params, Some(value)),
        _ => None,
    }
}

/// Whether the function's first parameter may be the address of a return area.
fn has_area(abi: &Abi, function: &Function) -> bool {
    function.core_results.is_empty()
        && !matches!(abi.return_area, ReturnArea::Values)
        && function.core_params.first() == Some(&Core::I32)
}

/// Before wasm-bindgen 0.2.79 an error leaves the function as an exception.
fn throws_errors(abi: &Abi) -> bool {
    match abi.release {
        Some(release) => release < 79,
        None => abi.malloc.as_ref().is_none_or(|malloc| !malloc.takes_align),
    }
}

/// The layouts to try, the likeliest first.
fn layouts(abi: &Abi) -> [Layout; 3] {
    let release = abi.release.unwrap_or(u32::MAX);
    // A module that does not name its release is new if its allocator is.
    let new = match abi.release {
        Some(release) => release >= 96,
        None => abi.malloc.as_ref().is_none_or(|malloc| malloc.takes_align),
    };
    let none_f64 = if release >= 119 {
        NONE_F64
    } else {
        NONE_F64_OLD
    };
    let newest = Layout {
        split_i64: false,
        option_as_f64: true,
        none_f64,
    };
    let middle = Layout {
        option_as_f64: false,
        ..newest
    };
    let oldest = Layout {
        split_i64: true,
        ..middle
    };
    let old = match abi.release {
        Some(release) => release < 83,
        None => !new,
    };
    if new {
        [newest, middle, oldest]
    } else if old {
        [oldest, middle, newest]
    } else {
        [middle, oldest, newest]
    }
}

/// Arguments by types. A function that takes one text or byte argument more than the call gives
/// has the call's context first.
fn typed<'a>(
    function: &Function,
    params: &[Type],
    layout: &Layout,
    request: &'a CallRequest,
) -> Result<Vec<Arg<'a>>, Failure> {
    let given = request.inputs.len();
    let takes_context = params.len() == given + 1 && params[0].is_block();
    let context = request.context().filter(|_| takes_context);
    if params.len() != given + usize::from(context.is_some()) {
        return Err(failures::wrong_count(
            function,
            Some(params.len()),
            given,
            takes_context,
        ));
    }
    let mut args = Vec::new();
    let inputs = request.inputs.iter().map(|input| &**input);
    let values = context.map(str::as_bytes).into_iter().chain(inputs);
    for (at, (param, value)) in params.iter().zip(values).enumerate() {
        layout.lower(param, value, at + 1, &mut args)?;
    }
    Ok(args)
}

/// Arguments by the shape of the signature, for `*_bg.wasm`, which tells no types. Returns
/// whether the first parameter is a return area.
fn untyped<'a>(
    abi: &Abi,
    function: &Function,
    request: &'a CallRequest,
) -> Result<(Vec<Arg<'a>>, bool), Failure> {
    let all = &function.core_params;
    let only_i32 = all.iter().all(|core| *core == Core::I32);
    let area_is_possible = has_area(abi, function);
    let has_return_area = area_is_possible
        // Text and bytes are pairs, so a return pointer makes the number odd; a function of
        // other numbers that returns nothing at all would be of no use.
        && (all.len() % 2 == 1 || !only_i32);
    let params = &all[usize::from(has_return_area)..];
    let given = request.inputs.len();
    let pairs = params.len().is_multiple_of(2) && params.iter().all(|core| *core == Core::I32);
    let inputs = || request.inputs.iter().map(|input| Arg::Block(input));

    if pairs && params.len() == 2 * given {
        // With no result and no odd parameter this may also be a number taken and a return
        // area: (area, number) looks like (pointer, length).
        let number_and_area = !has_return_area
            && area_is_possible
            && given == 1
            && number(Core::I32, &request.inputs[0]).is_some();
        if number_and_area {
            return Err(failures::ambiguous(function, given));
        }
        return Ok((inputs().collect(), has_return_area));
    }
    if pairs
        && params.len() == 2 * given + 2
        && let Some(context) = request.context()
    {
        let context = std::iter::once(Arg::Block(context.as_bytes()));
        return Ok((context.chain(inputs()).collect(), has_return_area));
    }
    if let Some(args) = numbers(params, request) {
        return Ok((args, has_return_area));
    }
    // (area, number, …) with an even count in all: no pairs fit, so the numbers may.
    if area_is_possible
        && !has_return_area
        && let Some(args) = numbers(&params[1..], request)
    {
        return Ok((args, true));
    }
    if pairs {
        let missing_state = params.len() == 2 * given + 2;
        return Err(failures::wrong_count(
            function,
            Some(params.len() / 2),
            given,
            missing_state,
        ));
    }
    Err(failures::ambiguous(function, given))
}

fn numbers<'a>(params: &[Core], request: &CallRequest) -> Option<Vec<Arg<'a>>> {
    if params.len() != request.inputs.len() {
        return None;
    }
    let parsed = params.iter().zip(&request.inputs);
    parsed
        .map(|(core, input)| number(*core, input).map(Arg::Core))
        .collect()
}

/// Arguments of a module that has no calling convention but numbers.
fn raw_numbers<'a>(function: &Function, request: &CallRequest) -> Result<Vec<Arg<'a>>, Failure> {
    let params = &function.core_params;
    let given = request.inputs.len();
    if params.len() != given {
        return Err(failures::wrong_count(
            function,
            Some(params.len()),
            given,
            false,
        ));
    }
    let parse = |(at, (core, input)): (usize, (&Core, &crate::call::Input))| {
        number(*core, input)
            .map(Arg::<'a>::Core)
            .ok_or_else(|| super::value::not_a_number(*core, at + 1))
    };
    params
        .iter()
        .zip(&request.inputs)
        .enumerate()
        .map(parse)
        .collect()
}

impl Plan<'_> {
    /// Room for the results of the export itself.
    pub(super) fn results(&self) -> Vec<Val> {
        vec![Val::I32(0); self.function().core_results.len()]
    }
}
