// Refuses at a glance what is no core module, with a sentence on what it is and what to send instead.
// Everything deeper is the compiler's (runtime/engine), in its own process.
import { AppError } from '../errors.ts'

const WASM = Buffer.from('\0asm', 'latin1')
const CORE_VERSION = Buffer.from([1, 0, 0, 0])
/** The layer field of a component's preamble. */
const COMPONENT_LAYER = Buffer.from([1, 0])
const NATIVE = [
  ['an ELF file (a native or precompiled program)', Buffer.from('\x7fELF', 'latin1')],
  ['a Mach-O file', Buffer.from([0xcf, 0xfa, 0xed, 0xfe])],
  ['a Windows program', Buffer.from('MZ', 'latin1')],
] as const

/** @throws AppError NOT_WASM, PRECOMPILED_REFUSED, COMPONENT_UNSUPPORTED or INVALID_WASM */
export function checkModuleHeader(bytes: Buffer): void {
  if (bytes.length === 0) {
    throw new AppError('NOT_WASM', 'The body is empty; send the .wasm (curl --data-binary @file).')
  }
  for (const [what, magic] of NATIVE) {
    if (startsWith(bytes, magic)) throw new AppError('PRECOMPILED_REFUSED', `This is ${what}.`)
  }
  if (!startsWith(bytes, WASM)) {
    const hint = looksLikeText(bytes)
      ? 'It looks like text: WebAssembly text has to be assembled first, and a file name needs @ in curl.'
      : 'It does not begin with the four bytes of a .wasm.'
    throw new AppError('NOT_WASM', `The bytes are not a WebAssembly module. ${hint}`)
  }
  if (bytes.length < 8) throw new AppError('INVALID_WASM', 'The module ends within its header.')
  if (bytes.subarray(6, 8).equals(COMPONENT_LAYER)) throw new AppError('COMPONENT_UNSUPPORTED')
  if (!bytes.subarray(4, 8).equals(CORE_VERSION)) {
    throw new AppError('INVALID_WASM', 'The module has a version other than 1.')
  }
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic)
}

function looksLikeText(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 256)
  return start.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d)
}
