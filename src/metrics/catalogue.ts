// Every metric there is, with what it means: the text of /metrics and docs/metrics.md both come from here.
// Names follow Prometheus: base units, `_total` for what only rises. No label ever holds a name, an id or a
// path that callers or owners choose, so that the number of series is bounded by this table.

export interface MetricDefinition {
  type: 'counter' | 'gauge' | 'histogram'
  unit: string
  labels: readonly string[]
  help: string
}

function counter(unit: string, help: string, ...labels: string[]) {
  return { type: 'counter' as const, unit, labels, help }
}
function gauge(unit: string, help: string, ...labels: string[]) {
  return { type: 'gauge' as const, unit, labels, help }
}
function histogram(unit: string, help: string, ...labels: string[]) {
  return { type: 'histogram' as const, unit, labels, help }
}

export const METRICS = {
  wasmhook_build_info: gauge('1', 'Always 1; the labels say what runs.', 'version', 'node_version'),
  wasmhook_processes: gauge(
    'processes',
    'Processes that these figures are of: WORKERS and their primary.',
  ),

  wasmhook_runs_total: counter(
    'runs',
    'Ended runs by outcome; code and fault are empty for those that succeeded.',
    'status',
    'code',
    'fault',
  ),
  wasmhook_runs_active: gauge('runs', 'Runs that have begun and not ended, in whatever stage.'),
  wasmhook_run_duration_seconds: histogram(
    'seconds',
    'Runs from their acceptance to their end, in whole milliseconds.',
  ),
  wasmhook_run_stage_duration_seconds: histogram(
    'seconds',
    'Stages of runs that came to them: fetch, queue (the wait for a thread), instantiate, run, forward.',
    'stage',
  ),
  wasmhook_run_input_bytes_total: counter('bytes', 'Inputs of ended runs, given and fetched.'),
  wasmhook_run_output_bytes_total: counter('bytes', 'Results of ended runs.'),

  wasmhook_sandbox_threads: gauge('threads', 'Threads that run calls: as many run at once.'),
  wasmhook_sandbox_running_calls: gauge('calls', 'Calls that hold a thread and an instance.'),
  wasmhook_sandbox_queued_calls: gauge('calls', 'Calls that wait for a thread.'),
  wasmhook_sandbox_loaded_modules: gauge('modules', 'Modules mapped into memory.'),
  wasmhook_sandbox_info: gauge(
    '1',
    'Always 1; the labels say where instances live and how they are wiped.',
    'allocator',
    'pagemap_scan',
  ),

  wasmhook_compile_queued_modules: gauge('modules', 'Modules that wait for the compiler.'),
  wasmhook_compile_running_modules: gauge('modules', 'Modules being compiled: 1 or 0.'),
  wasmhook_compilations_total: counter(
    'modules',
    'Compilations: compiled, refused (the module is at fault) or failed. Cached ones do not count.',
    'outcome',
  ),
  wasmhook_compile_duration_seconds: histogram('seconds', 'Compilations, however they ended.'),

  wasmhook_buffered_bytes: gauge('bytes', 'Bodies, fetched inputs and results held now.'),
  wasmhook_buffered_limit_bytes: gauge('bytes', 'BUFFERED_BYTES: past it calls are turned away.'),

  wasmhook_run_records_pending: gauge('records', 'Records of ended runs that storage lacks yet.'),
  wasmhook_run_records_lost_total: counter(
    'records',
    'What was dropped while storage failed: whole records, or only the results they kept.',
    'what',
  ),
  wasmhook_storage_healthy: gauge('1', '1 while run records can be written, else 0.'),

  wasmhook_http_responses_total: counter(
    'responses',
    'Answers that have left, by route pattern; `unmatched` is every path that is no route, `malformed` what is no request.',
    'method',
    'route',
    'status',
  ),

  wasmhook_event_loop_delay_seconds: histogram(
    'seconds',
    'How late a timer that is due every 20 ms comes: what the event loop makes others wait.',
  ),
  wasmhook_event_loop_busy_seconds_total: counter(
    'seconds',
    'Time in which the event loop was not idle; its rate is its share of one core, of several processes of as many.',
  ),

  process_cpu_seconds_total: counter('seconds', 'User and system CPU time of the process.'),
  process_start_time_seconds: gauge('seconds', 'Start of the process since the Unix epoch.'),
  process_resident_memory_bytes: gauge('bytes', 'Resident memory of the process.'),
  process_virtual_memory_bytes: gauge(
    'bytes',
    'Address space; the pool of instances reserves much and uses little.',
  ),
  process_threads: gauge('threads', 'Threads of the process.'),
  process_open_fds: gauge('descriptors', 'Open file descriptors.'),
  process_max_fds: gauge('descriptors', 'Most file descriptors that the process may open.'),
  nodejs_heap_size_used_bytes: gauge('bytes', "JavaScript's heap, in use."),
  nodejs_heap_size_total_bytes: gauge('bytes', "JavaScript's heap, reserved."),
  nodejs_external_memory_bytes: gauge('bytes', 'Memory outside of that heap, buffers above all.'),
} satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof METRICS
