// The type language in which an owner declares what a function takes and gives.
// Calling by these types is the runtime's (runtime/engine/src/types.rs); here they are only checked.
import { AppError } from '../errors.ts'
import type { DeclaredTypes } from '../model.ts'

const SCALARS = 'text bytes bool char i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 none'.split(' ')

/** @throws AppError INVALID_TYPES naming the function, the type and the types there are */
export function checkTypes(
  declared: Readonly<Record<string, string[] | { params: string[]; result?: string }>>,
): Record<string, DeclaredTypes> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, types]) => {
      const { params, result } = Array.isArray(types) ? { params: types, result: undefined } : types
      const all = result === undefined ? params : [...params, result]
      for (const type of all) {
        if (isType(type)) continue
        throw new AppError('INVALID_TYPES', `${name}: there is no type ${JSON.stringify(type)}.`, {
          detail: { function: name, types: [...SCALARS, 'option<T>', 'result<T>'] },
        })
      }
      for (const type of params) {
        if (type !== 'none' && !type.startsWith('result<')) continue
        throw new AppError('INVALID_TYPES', `${name}: ${type} cannot be a parameter.`)
      }
      return [name, result === undefined ? { params } : { params, result }]
    }),
  )
}

/** `result` may hold an option, not the other way round, as in the functions that compilers emit. */
function isType(type: string): boolean {
  const wrapped = /^(result|option)<(.+)>$/.exec(type)
  if (wrapped === null) return SCALARS.includes(type)
  const [, outer, inner = ''] = wrapped
  if (outer === 'result') return !inner.startsWith('result<') && isType(inner)
  return inner !== 'none' && SCALARS.includes(inner)
}
