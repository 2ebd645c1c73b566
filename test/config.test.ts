// Configuration: what is accepted, and the sentence for what is not.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { isLoopback, loadConfig } from '../src/config.ts'

const TOKEN = 'a-token-of-enough-characters'

test('defaults hold without any setting', () => {
  const config = loadConfig({})
  assert.equal(config.HOST, '127.0.0.1')
  assert.equal(config.PORT, 8080)
  assert.equal(config.RUN_TIMEOUT_MS, 10_000)
  assert.equal(config.RUN_MEMORY_BYTES, 128 * 1024 * 1024)
  assert.ok(Object.isFrozen(config))
})

test('a flag wins over the environment, in both spellings', () => {
  const env = { PORT: '1', RUN_TIMEOUT_MS: '5' }
  assert.equal(loadConfig(env, ['--port', '2']).PORT, 2)
  assert.equal(loadConfig(env, ['--port=3', '--run-timeout-ms=7']).RUN_TIMEOUT_MS, 7)
})

test('WORKERS is a number, or auto for one process a core', () => {
  assert.equal(loadConfig({}).WORKERS, 1)
  assert.equal(loadConfig({ WORKERS: '3' }).WORKERS, 3)
  assert.equal(loadConfig({ WORKERS: 'auto' }).WORKERS, availableParallelism())
  // Each has four threads unless somebody says otherwise.
  assert.equal(
    loadConfig({ WORKERS: '20' }).SANDBOX_THREADS,
    Math.max(80, 4 * availableParallelism()),
  )
  assert.equal(loadConfig({ WORKERS: '2', SANDBOX_THREADS: '6' }).SANDBOX_THREADS, 6)
})

test('lists are split at commas and trimmed', () => {
  const config = loadConfig({ OUTBOUND_ALLOW: ' 10.0.0.0/8, example.internal ,' })
  assert.deepEqual(config.OUTBOUND_ALLOW, ['10.0.0.0/8', 'example.internal'])
})

const REFUSED: readonly (readonly [
  claim: string,
  env: Record<string, string>,
  sentence: RegExp,
])[] = [
  ['a number that is none', { PORT: 'http' }, /PORT is "http"/],
  ['a number with a sign', { RUN_TIMEOUT_MS: '-1' }, /whole number \(ms\) from 1/],
  ['a number past its range', { PORT: '65536' }, /from 0 to 65535/],
  [
    'a default above its ceiling',
    { RUN_TIMEOUT_MS: '300001', RUN_TIMEOUT_MS_MAX: '300000' },
    /RUN_TIMEOUT_MS/,
  ],
  ['a listening address for others without a token', { HOST: '0.0.0.0' }, /Set API_TOKEN/],
  ['a short token', { API_TOKEN: 'short' }, /too short/],
  ['a short secret key', { SECRET_KEY: 'short' }, /too short/],
  ['a database of another kind', { DATABASE_URL: 'mysql://a/b' }, /must be like postgres:/],
  ['a database URL that is none', { DATABASE_URL: 'a secret' }, /^DATABASE_URL must be like/],
  ['a shared database without a key', { DATABASE_URL: 'postgres://a/b' }, /SECRET_KEY is needed/],
  ['half a TLS pair', { TLS_CERT_FILE: 'cert.pem' }, /needed together/],
  ['an unknown log level', { LOG_LEVEL: 'loud' }, /must be one of/],
  [
    'a public URL with a path',
    { PUBLIC_URL: 'https://example.org/hooks' },
    /https:\/\/example.org/,
  ],
  ['a flag that is neither on nor off', { TRUST_PROXY: 'maybe' }, /1 or 0/],
  [
    'more calls at once than threads',
    { SANDBOX_THREADS: '2', CONCURRENCY: '3' },
    /SANDBOX_THREADS/,
  ],
  ['no process', { WORKERS: '0' }, /WORKERS is "0"; it must be auto or a whole number/],
  ['a number of processes past its range', { WORKERS: '257' }, /from 1 to 256/],
  [
    'a process with fewer than three threads',
    { WORKERS: '4', SANDBOX_THREADS: '11' },
    /SANDBOX_THREADS \(11\) must be at least 12/,
  ],
  [
    'a process without room for one call',
    { WORKERS: '3', BUFFERED_BYTES: '29', INPUT_BYTES: '10' },
    /BUFFERED_BYTES \(29\), divided by WORKERS \(3\)/,
  ],
]

for (const [claim, env, sentence] of REFUSED) {
  test(`${claim} stops the start with a sentence`, () => {
    assert.throws(() => loadConfig(env), { name: 'ConfigError', message: sentence })
  })
}

test('an unknown flag and a flag without a value stop the start', () => {
  assert.throws(() => loadConfig({}, ['--prot', '1']), /no flag "--prot"/)
  assert.throws(() => loadConfig({}, ['--port']), /needs a value/)
})

test('with a token the server may listen anywhere', () => {
  assert.equal(loadConfig({ HOST: '0.0.0.0', API_TOKEN: TOKEN }).HOST, '0.0.0.0')
})

test('loopback is what only this machine reaches', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    'a.localhost',
  ]) {
    assert.ok(isLoopback(host), host)
  }
  for (const host of [
    '0.0.0.0',
    '',
    'localhost.example.org',
    '127.0.0.1.example.org',
    '10.0.0.1',
    '::',
  ]) {
    assert.ok(!isLoopback(host), host)
  }
})
