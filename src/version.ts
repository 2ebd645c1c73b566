// The version, as package.json says it; sent as User-Agent and in the API description.
import { createRequire } from 'node:module'

const manifest = createRequire(import.meta.url)('../package.json') as { version: string }

export const VERSION: string = manifest.version
