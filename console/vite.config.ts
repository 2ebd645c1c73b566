// The console as files that a strict content security policy lets run: nothing inline, nothing from elsewhere.
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'

const SERVER = 'http://127.0.0.1:8080'

export default defineConfig({
  // It may be served under a path of a proxy.
  base: './',
  plugins: [compressed()],
  build: {
    target: 'es2022',
    // An asset within another would be a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev:console` beside `npm run dev`. The server refuses pages of other origins.
    proxy: { '/api': { target: SERVER, changeOrigin: true, headers: { origin: SERVER } } },
  },
})

/** Each file also as brotli and gzip, which http/routes/console.ts serves to whoever takes them. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const [fileName, file] of Object.entries(bundle)) {
        const source = file.type === 'chunk' ? file.code : file.source
        this.emitFile({
          type: 'asset',
          fileName: `${fileName}.br`,
          source: brotliCompressSync(source),
        })
        this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source: gzipSync(source) })
      }
    },
  }
}
