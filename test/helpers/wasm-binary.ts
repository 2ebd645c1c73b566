// Modules written byte by byte: larger or stranger than the text format can say in reasonable time.

const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
/** One type: no parameters, no results. */
const TYPES = section(1, Buffer.from([1, 0x60, 0, 0]))
const END = 0x0b

/** `functions` empty functions, the first one exported under `exports` names. */
export function manyFunctions(functions: number, exports = 0): Buffer {
  const types = Buffer.alloc(functions)
  const bodies = Buffer.concat(Array.from({ length: functions }, () => Buffer.from([2, 0, END])))
  const names = Array.from({ length: exports }, (_, index) => {
    const name = Buffer.from(`f${index}`)
    return Buffer.concat([leb(name.length), name, Buffer.from([0, 0])])
  })
  return Buffer.concat([
    HEADER,
    TYPES,
    section(3, Buffer.concat([leb(functions), types])),
    section(7, Buffer.concat([leb(exports), ...names])),
    section(10, Buffer.concat([leb(functions), bodies])),
  ])
}

/**
 * One function `f` of about so many bytes. It branches everywhere and keeps many values alive, which
 * is what a compiler takes longest over.
 */
export function hugeFunction(bytes: number): Buffer {
  const locals = 64
  const steps: number[][] = []
  // local.get a, if, local.get b, i32.const 1, i32.add, local.set a, end
  for (let at = 0; at * 12 < bytes; at++) {
    const a = at % locals
    const b = (at * 31 + 7) % locals
    steps.push([0x20, a, 0x04, 0x40, 0x20, b, 0x41, 1, 0x6a, 0x21, a, END])
  }
  const code = Buffer.from([1, locals, 0x7f, ...steps.flat(), END])
  return Buffer.concat([
    HEADER,
    TYPES,
    section(3, Buffer.from([1, 0])),
    section(7, Buffer.from([1, 1, 0x66, 0, 0])),
    section(10, Buffer.concat([leb(1), leb(code.length), code])),
  ])
}

function section(id: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id]), leb(content.length), content])
}

/** An unsigned number in WebAssembly's variable length. */
function leb(value: number): Buffer {
  const bytes: number[] = []
  do {
    const rest = Math.floor(value / 128)
    bytes.push((value % 128) | (rest > 0 ? 0x80 : 0))
    value = rest
  } while (value > 0)
  return Buffer.from(bytes)
}
