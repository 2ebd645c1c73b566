// wasm-bindgen's calling convention for one argument and one result of text or bytes, as its own
// JavaScript does it: what somebody pays who calls the module from Node without this server.

export interface GluedInstance {
  call(fn: string, input: Buffer): Buffer
}

export interface Glue {
  instance(): GluedInstance
}

interface Exports {
  memory: WebAssembly.Memory
  __wbindgen_externrefs?: WebAssembly.Table
  __wbindgen_malloc: (bytes: number, align: number) => number
  __wbindgen_free: (at: number, bytes: number, align: number) => void
  __wbindgen_start?: () => void
}

type Called = (at: number, bytes: number) => [number, number, number?, number?]

export function createGlue(wasm: Buffer): Glue {
  const module = new WebAssembly.Module(new Uint8Array(wasm))
  return { instance: () => instantiate(module) }
}

function instantiate(module: WebAssembly.Module): GluedInstance {
  const imports: Record<string, Record<string, () => void>> = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const known = name === '__wbindgen_init_externref_table'
    imports[from] ??= {}
    imports[from][name] = known ? fillExternrefs : () => refuse(name)
  }
  const exports = new WebAssembly.Instance(module, imports).exports as Exports
  exports.__wbindgen_start?.()

  function fillExternrefs(): void {
    const table = exports.__wbindgen_externrefs!
    const at = table.grow(4)
    table.set(0, undefined)
    for (const [i, value] of [undefined, null, true, false].entries()) table.set(at + i, value)
  }

  return {
    call(fn, input) {
      const at = exports.__wbindgen_malloc(input.length, 1) >>> 0
      new Uint8Array(exports.memory.buffer).set(input, at)
      const called = (exports as unknown as Record<string, Called>)[fn]!
      const [resultAt, bytes, , failed] = called(at, input.length)
      if (failed === 1) throw new Error(`${fn} answered with an error.`)
      const result = Buffer.from(
        new Uint8Array(exports.memory.buffer).subarray(resultAt >>> 0, (resultAt >>> 0) + bytes),
      )
      exports.__wbindgen_free(resultAt, bytes, 1)
      return result
    },
  }
}

function refuse(name: string): never {
  throw new Error(`The module calls ${name}, which it does only when it fails.`)
}
