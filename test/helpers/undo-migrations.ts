// Makes a database one of before: as a version of long ago left it.
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'

/** Takes the newest migrations back, down to and with the one named. */
export function undoMigrations(folder: string, until: string): void {
  const undo = [
    ['0029-run-slots', 'DROP TABLE run_slots'],
    ['0028-run-origins', 'ALTER TABLE runs DROP COLUMN origins'],
    ['0027-failed-runs', 'DROP INDEX runs_with_error'],
    ['0026-bins', 'DROP TABLE bin_requests; DROP TABLE bins'],
    ['0025-sources', 'DROP TABLE sources; DROP TABLE source_events; DROP TABLE source_keys'],
    ['0024-endpoint-counters', 'DROP TABLE endpoint_counters'],
    [
      '0023-ordered',
      `DROP INDEX deliveries_in_line; DROP INDEX deliveries_in_turn; DROP INDEX deliveries_bare;
       CREATE INDEX deliveries_bare ON deliveries (ended_at_ms)
         WHERE ended_at_ms IS NOT NULL AND kept_bytes IS NULL;
       ALTER TABLE deliveries DROP COLUMN order_key; ALTER TABLE deliveries DROP COLUMN order_place;
       ALTER TABLE deliveries DROP COLUMN order_seat; ALTER TABLE deliveries DROP COLUMN order_due_at_ms`,
    ],
    [
      '0022-around',
      `DROP TABLE expunged_messages; DROP INDEX deliveries_of_messages;
       ALTER TABLE resend_jobs DROP COLUMN kind`,
    ],
    [
      '0021-event-type-rules',
      `DROP TABLE message_extras;
       ALTER TABLE event_types DROP COLUMN fetch;
       ALTER TABLE event_types DROP COLUMN revision;
       ALTER TABLE event_types DROP COLUMN enforcement;
       ALTER TABLE event_types DROP COLUMN example;
       ALTER TABLE event_types DROP COLUMN schema`,
    ],
    [
      '0019-disabled-endpoints',
      `ALTER TABLE endpoints DROP COLUMN failing_since_ms;
       ALTER TABLE endpoints DROP COLUMN disabled_at_ms; ALTER TABLE endpoints DROP COLUMN disabled_reason`,
    ],
    [
      '0018-own-lanes',
      `DROP INDEX deliveries_by_event_type; DROP INDEX deliveries_by_own_target;
       DROP INDEX endpoints_by_bucket;
       ALTER TABLE deliveries DROP COLUMN own_target;
       ALTER TABLE endpoint_secrets DROP COLUMN private_key;
       ALTER TABLE endpoints DROP COLUMN bucket_full_at_us; ALTER TABLE endpoints DROP COLUMN lane`,
    ],
    [
      '0017-preparation',
      `DROP INDEX resend_jobs_by_tenant; ALTER TABLE resend_jobs DROP COLUMN tenant;
       ALTER TABLE deliveries DROP COLUMN sends; ALTER TABLE endpoints DROP COLUMN settings`,
    ],
    ['0016-event-patterns', 'DROP TABLE endpoint_patterns'],
    [
      '0016-event-bytes',
      `DROP INDEX messages_kept; ALTER TABLE messages DROP COLUMN kept_bytes;
       ALTER TABLE deliveries DROP COLUMN body_bytes`,
    ],
    ['0015-tokens', 'DROP TABLE tokens'],
    [
      '0014-events',
      `DROP INDEX deliveries_by_endpoint;
       ALTER TABLE deliveries DROP COLUMN event_type;
       ALTER TABLE deliveries DROP COLUMN endpoint_id;
       ALTER TABLE deliveries DROP COLUMN tenant;
       DROP TABLE messages; DROP TABLE endpoint_secrets; DROP TABLE endpoints; DROP TABLE event_types`,
    ],
    ['0012-full-lanes', 'ALTER TABLE lanes DROP COLUMN is_full'],
    ['0011-several-processes', 'DROP TABLE changes; DROP TABLE function_versions'],
    // The rest goes with the tables that it changed.
    ['0010-delivery-history', 'DROP TABLE resend_jobs'],
    [
      '0009-attempts',
      `DROP INDEX lanes_due;
       CREATE INDEX lanes_due ON lanes (work, due_at_ms) WHERE due_at_ms IS NOT NULL;
       ALTER TABLE lanes DROP COLUMN held_until_ms;
       ALTER TABLE lanes DROP COLUMN held_count;
       ALTER TABLE lanes DROP COLUMN owner;
       ALTER TABLE queued_runs DROP COLUMN put_back;
       ALTER TABLE attempts DROP COLUMN request_method;
       ALTER TABLE attempts DROP COLUMN request_url;
       ALTER TABLE attempts DROP COLUMN request_headers;
       ALTER TABLE attempts DROP COLUMN peer;
       ALTER TABLE attempts DROP COLUMN dns_us;
       ALTER TABLE attempts DROP COLUMN connect_us;
       ALTER TABLE attempts DROP COLUMN tls_us;
       ALTER TABLE attempts DROP COLUMN first_byte_us;
       ALTER TABLE attempts DROP COLUMN response_cut`,
    ],
    [
      '0008-durable-runs',
      `DROP TABLE idempotency_totals; DROP TABLE idempotency_answers; DROP TABLE idempotency_keys;
       DROP TABLE run_tries; ALTER TABLE queued_runs DROP COLUMN cancel_requested`,
    ],
    [
      '0007-signing-secrets',
      'DROP TABLE signing_secrets; ALTER TABLE deliveries DROP COLUMN signed',
    ],
    ['0006-queued-runs', 'DROP TABLE queued_inputs; DROP TABLE queued_runs'],
    [
      '0005-deliveries',
      'DROP TABLE attempts; DROP TABLE lanes; DROP TABLE delivery_payloads; DROP TABLE deliveries',
    ],
    ['0004-function-storage', 'DROP TABLE function_storage'],
    [
      '0003-limits-and-usage',
      `DROP TABLE usage;
       ALTER TABLE runs DROP COLUMN fuel_used;
       ALTER TABLE executables DROP COLUMN metered;
       ALTER TABLE executables DROP COLUMN reuse;
       ALTER TABLE executables DROP COLUMN limits`,
    ],
    [
      '0002-result-size',
      'DROP INDEX runs_with_result; ALTER TABLE runs DROP COLUMN result_size_bytes',
    ],
  ] as const
  const db = new BetterSqlite3(join(folder, 'wasmhook.db'))
  for (const [name, statements] of undo) {
    db.exec(statements)
    db.prepare('DELETE FROM kysely_migration WHERE name = ?').run(name)
    if (name === until) break
  }
  db.close()
}
