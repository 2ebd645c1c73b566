// The part of the WebAssembly API that the yardstick uses. TypeScript has it only among the types of
// browsers, whose other names have no business here.
declare namespace WebAssembly {
  type Module = object
  interface Memory {
    readonly buffer: ArrayBuffer
  }
  interface Table {
    grow(elements: number): number
    set(at: number, value: unknown): void
  }
  const Module: {
    new (bytes: Uint8Array): Module
    imports(module: Module): { module: string; name: string }[]
  }
  const Instance: new (
    module: Module,
    imports: Record<string, Record<string, () => void>>,
  ) => { readonly exports: unknown }
}
