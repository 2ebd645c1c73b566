// The one import of the Rust addon, and the names it is known by on this side.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type * as Addon from '../../runtime/addon/index.d.ts'

const require = createRequire(import.meta.url)

export type NativeSandbox = Addon.Sandbox
export type NativeOptions = Addon.SandboxOptions
export type NativeProfile = Addon.Profile
export type NativeProfileOptions = Addon.ProfileOptions
export type NativeStoreOptions = Addon.StoreOptions
/** Receives what came of calls, in the form that outcomes.ts reads. */
export type OnOutcomes = ConstructorParameters<typeof Addon.Sandbox>[1]
export type NativeStats = Addon.SandboxStats

/** The addon, built by `npm ci` (scripts/build-runtime.mjs). */
export const native = require('#runtime') as typeof Addon

/** The compiler that runs in a process of its own, built beside the addon. */
export const compilerPath = fileURLToPath(
  new URL('../../runtime/wasmhook-compile', import.meta.url),
)
