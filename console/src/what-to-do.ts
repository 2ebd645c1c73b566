// What to do about an error, by its code; docs/errors.md has them all.

export const WHAT_TO_DO: Readonly<Record<string, string>> = {
  MISSING_KEY: 'Sign in, or give the admin key that the upload showed.',
  WRONG_KEY: 'Check the token or key: it belongs to another server or function, or was replaced.',
  ORIGIN_REFUSED:
    'Open the console at the address the server listens on, or set API_TOKEN to use it from elsewhere.',
  NOT_FOUND: 'It may have been deleted. Go back to the list.',
  NOT_WASM: 'Choose a .wasm file, as wasm-bindgen or cargo writes it.',
  PRECOMPILED_REFUSED: 'Send the .wasm itself, nothing compiled for one machine.',
  COMPONENT_UNSUPPORTED: 'Build a core module: cargo build --target wasm32-unknown-unknown.',
  MODULE_TOO_COMPLEX: 'Build it smaller: opt-level "s", wasm-opt, fewer dependencies.',
  BODY_TOO_LARGE: 'Send less, or have the operator raise the limit that the answer names.',
  INPUT_TOO_LARGE: 'Send less, or have the operator raise INPUT_BYTES.',
  UNKNOWN_FUNCTION: 'Choose one of the exports.',
  WRONG_ARGUMENT_COUNT: 'Add or remove inputs until there are as many as the function takes.',
  AMBIGUOUS_TYPES: 'Declare its types: PUT /api/executables/ID/types.',
  INPUT_TYPE_MISMATCH: 'Change the input so that it fits the type that the message names.',
  FUNCTION_ERROR: 'The function said no. Its message says why.',
  TRAP: 'The function crashed. The log of its run may say where.',
  EXIT_CODE: 'The command failed. The log of its run may say why.',
  MISSING_IMPORT: 'Build without what needs that import, or provide it within the module.',
  MEMORY_LIMIT: 'Use less memory, or raise run_memory_bytes among its limits.',
  RUN_TIMEOUT: 'Do less in one call, or raise run_timeout_ms among its limits.',
  OUTPUT_TOO_LARGE: 'Return less, or raise output_bytes among its limits.',
  ADDRESS_REFUSED: 'Fetch a public address, or have the operator list this one in OUTBOUND_ALLOW.',
  UPSTREAM_FAILED: 'Check that the URL can be reached from the server.',
  UPSTREAM_TIMEOUT: 'The URL answers too slowly. Try again, or raise fetch_timeout_ms.',
  CALLBACK_FAILED: 'Check the callback target; the result could not be handed on.',
  QUEUE_FULL: 'Try again in a moment.',
  QUEUE_TIMEOUT: 'Try again in a moment.',
  BUFFERS_FULL: 'Try again in a moment.',
  STORAGE_FULL: 'Make room on the disk of the server.',
  INTERNAL: 'Look at the log of the server.',
  UNEXPECTED_ANSWER:
    'This is not an answer of the server itself: a proxy or a callback target gave it.',
}

export const UNREACHABLE = 'Check that the server is running, then try again.'
