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
  return oneFunction(Buffer.from([1, locals, 0x7f, ...steps.flat(), END]))
}

/** One function of so many blocks within each other. */
export function nestedBlocks(depth: number): Buffer {
  return oneFunction(
    Buffer.concat([
      Buffer.from([0]),
      Buffer.alloc(2 * depth, Buffer.from([0x02, 0x40])),
      Buffer.alloc(depth + 1, END),
    ]),
  )
}

/** One function with a table of so many branches. */
export function branchTable(targets: number): Buffer {
  return oneFunction(
    Buffer.concat([
      Buffer.from([0, 0x41, 0, 0x0e]),
      leb(targets),
      Buffer.alloc(targets + 1),
      Buffer.from([END]),
    ]),
  )
}

/** One function that says to have so many variables. */
export function manyLocals(count: number): Buffer {
  return oneFunction(Buffer.concat([Buffer.from([1]), leb(count), Buffer.from([0x7f, END])]))
}

/** A memory of so many pages, filled from its beginning by one segment. */
export function largeData(pages: number, bytes: number): Buffer {
  return Buffer.concat([
    HEADER,
    TYPES,
    section(3, Buffer.from([1, 0])),
    section(5, Buffer.concat([Buffer.from([1, 0]), leb(pages)])),
    section(7, Buffer.from([1, 1, 0x66, 0, 0])),
    section(10, Buffer.from([1, 2, 0, END])),
    section(
      11,
      Buffer.concat([Buffer.from([1, 0, 0x41, 0, END]), leb(bytes), Buffer.alloc(bytes, 1)]),
    ),
  ])
}

/** The module, and a section behind it that does not concern execution. */
export function withCustomSection(wasm: Buffer, name: string, content: Buffer): Buffer {
  const label = Buffer.from(name)
  return Buffer.concat([wasm, section(0, Buffer.concat([leb(label.length), label, content]))])
}

/** What a name section holds: functions' names, `said` of them by its own words. */
export function functionNames(names: number, said = names): Buffer {
  const entries = Array.from({ length: names }, (_, n) => {
    const name = Buffer.from(`name of function ${n}`)
    return Buffer.concat([leb(n), leb(name.length), name])
  })
  const content = Buffer.concat([leb(said), ...entries])
  return Buffer.concat([Buffer.from([1]), leb(content.length), content])
}

/** Exports the function as `f`. */
function oneFunction(code: Buffer): Buffer {
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
