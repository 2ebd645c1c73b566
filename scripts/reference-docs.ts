// Writes configuration.md, errors.md, limits.md and metrics.md in docs/ from the code: `npm run docs`.
// test/docs.test.ts fails where a file and its table differ.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FLAGS, LISTS, NUMBERS, TEXTS } from '../src/settings.ts'
import type { Setting } from '../src/settings.ts'
import { ERRORS } from '../src/errors.ts'
import { METRICS } from '../src/metrics/catalogue.ts'
import { limitsPage } from './limits-page.ts'
import { GENERATED, grouped, shownDefault, table } from './page.ts'

export function configurationPage(): string {
  return `# Configuration

${GENERATED}

Each setting is an environment variable and a flag: \`RUN_TIMEOUT_MS=5000\` or \`--run-timeout-ms 5000\`.
A value that cannot be used stops the start with a sentence. \`NAME\` is a default, \`NAME_MAX\` the
ceiling that no executable's own setting passes. \`NODE_EXTRA_CA_CERTS\` is honoured; \`HTTP_PROXY\` is not
read.

${table(['Setting', 'Default', 'Unit', 'What it is'], textRows())}

## Limits

${table(['Limit', 'Default', 'Allowed', 'Unit', 'What it bounds'], numberRows())}
`
}

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, [status, fault, meaning]]) => [
    `\`${code}\``,
    String(status),
    fault,
    meaning,
  ])
  return `# Errors

${GENERATED}

Every failure is JSON: \`{ "error": "<sentence>", "code": "<CODE>", … }\`. Branch on the code; the sentence is
for people and may change. A failed run's answer also carries \`run_id\`. Answers with status 503 carry
\`Retry-After\`, those with 405 \`Allow\`. \`/readyz\` alone answers 503 with its report instead.

${table(['Code', 'Status', 'Whose fault', 'Meaning'], rows)}
`
}

export function metricsPage(): string {
  const rows = Object.entries(METRICS).map(([name, { type, unit, labels, help }]) => [
    `\`${name}\``,
    type,
    unit,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ])
  return `# Metrics

${GENERATED}

\`GET /metrics\` answers in Prometheus' text format (0.0.4). With \`API_TOKEN\` set it needs the token:

\`\`\`yaml
scrape_configs:
  - job_name: wasmhook
    authorization: { credentials: <API_TOKEN> }
    static_configs: [{ targets: ['wasmhook.example.org:443'] }]
    scheme: https
\`\`\`

Without one the server answers loopback only, so Prometheus has to run on the same machine.

Nothing here is labelled by executable, function or path. Anybody who may upload could otherwise make series
without end, and a monitoring system keeps each for weeks; figures of one executable are in its run records
(\`GET /api/executables/:id/runs\`). Labels come from closed lists: error codes (docs/errors.md), stages, route
patterns, classes of status.

Counting costs a call some additions in typed arrays; text is made when a scrape asks. A run counts once, as
its record ends: whoever was refused before there was a run (no key, malformed parts, body too large) shows in
\`wasmhook_http_responses_total\` only, as does an upload. A caller who hung up got no response.

${table(['Metric', 'Type', 'Unit', 'Labels', 'What it is'], rows)}

## What to watch

Runs that failed through no fault of functions, callers or their services; calls that are being turned away;
storage that takes no records; an event loop that makes everybody wait:

\`\`\`yaml
groups:
  - name: wasmhook
    rules:
      - alert: WasmhookFails
        expr: sum by (code) (rate(wasmhook_runs_total{fault="ours"}[5m])) > 0
        for: 5m
      - alert: WasmhookQueues
        expr: histogram_quantile(0.99, sum by (le) (rate(wasmhook_run_stage_duration_seconds_bucket{stage="queue"}[5m]))) > 1
        for: 10m
      - alert: WasmhookBuffersFill
        expr: wasmhook_buffered_bytes / wasmhook_buffered_limit_bytes > 0.8
        for: 5m
      - alert: WasmhookStorageFails
        expr: wasmhook_storage_healthy == 0 or increase(wasmhook_run_records_lost_total[10m]) > 0
      - alert: WasmhookEventLoopLags
        expr: histogram_quantile(0.99, rate(wasmhook_event_loop_delay_seconds_bucket[5m])) > 0.1
        for: 5m
\`\`\`

How full the sandbox is: \`wasmhook_sandbox_running_calls / wasmhook_sandbox_threads\`, since a call that runs
holds one thread and one slot of the pool of instances. How much of a core the event loop has left,
or of as many cores as there are processes: \`wasmhook_processes - rate(wasmhook_event_loop_busy_seconds_total[5m])\`.
With \`WORKERS\` past 1 every figure is a total over all processes, whichever of them is asked (docs/workers.md).
`
}

function textRows(): string[][] {
  const settings: [string, Setting<unknown>][] = Object.entries({ ...TEXTS, ...LISTS, ...FLAGS })
  return settings.map(([name, { default: value, unit, about }]) => [
    `\`${name}\``,
    showDefault(value),
    unit,
    about,
  ])
}

function numberRows(): string[][] {
  const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]
  return names.map((name) => {
    const { range, unit, about } = NUMBERS[name]
    const [least, most] = range ?? [0, 0]
    return [`\`${name}\``, shownDefault(name), `${grouped(least)} to ${grouped(most)}`, unit, about]
  })
}

function showDefault(value: unknown): string {
  if (value === false) return '0'
  const text = Array.isArray(value) ? value.join(',') : String(value)
  return text === '' ? '(empty)' : `\`${text}\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'docs')
  await writeFile(path.join(docs, 'configuration.md'), configurationPage())
  await writeFile(path.join(docs, 'errors.md'), errorsPage())
  await writeFile(path.join(docs, 'metrics.md'), metricsPage())
  await writeFile(path.join(docs, 'limits.md'), limitsPage())
}
