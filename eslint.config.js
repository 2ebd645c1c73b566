// Typed lint rules, and the direction of imports (docs/architecture.md draws it).
import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Forbids a folder to import what its row does not allow; `why` is what the author reads. */
function mayNotImport(files, patterns, why) {
  return {
    files,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: patterns.map((regex) => ({ regex, message: why })) },
      ],
    },
  }
}

const FASTIFY = '^(fastify$|@fastify/|typebox)'
const UNDICI = '^undici'
const PROMETHEUS = '^prom-client'
const SQL = '^(kysely|better-sqlite3|pg)'

export default tseslint.config(
  {
    ignores: [
      'dist',
      'console/dist',
      'target',
      'examples-rust',
      'bench/guests',
      'runtime',
      'data',
      'packages/client/dist',
      'packages/client/src/generated',
      // A user's code: test/client.test.ts has a compiler check all of it.
      'packages/client/consumer',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['{src,test,bench,examples,scripts,packages/client/src,console}/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // node:test's describe and test return promises that the runner itself awaits.
    files: ['{test,bench,examples,scripts}/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'describe', 'it', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'off',
    },
  },
  { files: ['src/main.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'process', message: 'Only main.ts knows it.' }],
    },
  },
  mayNotImport(
    ['src/core/**'],
    [
      FASTIFY,
      UNDICI,
      SQL,
      PROMETHEUS,
      '/(http|metrics)/',
      'storage/(?!storage\\.ts)',
      'sandbox/(?!sandbox\\.ts)',
      'outbound/(?!outbound\\.ts)',
    ],
    'core knows the contracts of sandbox, outbound and storage, and nothing of HTTP, SQL or undici.',
  ),
  mayNotImport(
    ['src/http/**'],
    [UNDICI, SQL, PROMETHEUS, '/(storage|sandbox|outbound|metrics)/'],
    'http calls core; it sees neither storage, sandbox nor outbound.',
  ),
  mayNotImport(
    ['src/sandbox/**'],
    [FASTIFY, UNDICI, SQL, PROMETHEUS, '/(http|core|storage|outbound|metrics)/'],
    'sandbox sees only model and errors.',
  ),
  mayNotImport(
    ['src/outbound/**'],
    [FASTIFY, SQL, PROMETHEUS, '/(http|core|storage|sandbox|metrics)/'],
    'outbound sees only model, errors and request-spec.',
  ),
  mayNotImport(
    ['src/storage/**'],
    [FASTIFY, UNDICI, PROMETHEUS, '/(http|core|sandbox|outbound|metrics)/'],
    'storage sees only model and errors.',
  ),
  mayNotImport(
    ['src/metrics/**'],
    [FASTIFY, UNDICI, SQL, '/(http|core|sandbox|outbound|storage)/'],
    'metrics sees only model and errors; app.ts hands it the figures.',
  ),
  mayNotImport(
    ['src/cluster/**'],
    [
      FASTIFY,
      UNDICI,
      SQL,
      PROMETHEUS,
      '/(http|sandbox|outbound|metrics)/',
      'storage/(?!storage\\.ts)',
    ],
    'cluster knows processes, the contract of storage and the turns of core.',
  ),
  mayNotImport(
    [
      'src/model.ts',
      'src/event-model.ts',
      'src/source-model.ts',
      'src/bin-model.ts',
      'src/usage-model.ts',
      'src/event-pattern.ts',
      'src/errors.ts',
      'src/request-spec.ts',
      'src/config.ts',
      'src/settings.ts',
    ],
    [FASTIFY, UNDICI, SQL, PROMETHEUS, '/(http|core|storage|sandbox|outbound|metrics)/'],
    'model, errors, request-spec and config are at the bottom.',
  ),
  mayNotImport(
    ['console/src/**'],
    ['^node:', '^(?!preact|uplot|\\.|.*/packages/client/src/)'],
    'the console is Preact, uPlot and the typed client; a further library earns its place in decision 0032.',
  ),
  mayNotImport(
    ['console/src/{parts,hooks}/**'],
    [
      '^node:',
      '^(?!preact|uplot|\\.|.*/packages/client/src/)',
      '/(functions|runs|deliveries|webhooks|sources|bins|system)/',
    ],
    'what several areas of the console need knows of none of them.',
  ),
  mayNotImport(
    ['packages/client/src/**'],
    ['^(?!\\./)'],
    'the client is what it is by itself: no other package, nothing of Node.js, and nothing of the server.',
  ),
)
