//! Runs a target over seeds: a fixed number of them, or for a time, or one again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};

use crate::sandbox;

/// The bytes that one case draws its choices from, at most; past them every choice is the first.
const CHOICES_BYTES_MAX: u64 = 16 << 10;
/// A case that lasts longer than this hangs: its calls end within milliseconds, its compilations
/// and describe functions within seconds, on a busy machine too.
const HANG: Duration = Duration::from_secs(120);
/// How often a long run says where it is.
const PROGRESS: Duration = Duration::from_secs(30);

/// Runs `case` for seeds from `WASMHOOK_FUZZ_SEED` on (1): for `WASMHOOK_FUZZ_SECONDS` where that is
/// set (0 is one seed), else `cases` of them. Says which seed fails or hangs. The seed at work stands
/// in the file `WASMHOOK_FUZZ_AT`, for a process that dies.
pub fn fuzz(target: &'static str, cases: u64, case: impl Fn(&mut Unstructured<'_>) -> Result<()>) {
    let first = variable("WASMHOOK_FUZZ_SEED").unwrap_or(1);
    let seconds = variable("WASMHOOK_FUZZ_SECONDS").map(Duration::from_secs);
    let at = std::env::var("WASMHOOK_FUZZ_AT").ok();
    let at = at.map(|path| File::create(path).expect("WASMHOOK_FUZZ_AT can be written"));
    let current = watch(target);
    let started = Instant::now();
    let mut told = started;
    let mut seed = first;
    loop {
        if let Some(file) = &at {
            let text = format!("{seed:020}\n");
            file.write_all_at(text.as_bytes(), 0)
                .expect("WASMHOOK_FUZZ_AT");
        }
        current.store(seed, Ordering::Relaxed);
        let choices = choices(seed);
        let run = || case(&mut Unstructured::new(&choices));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("{target}: seed {seed} fails. Again: npm run fuzz -- {target} 0 {seed}");
            resume_unwind(panic);
        }
        seed += 1;
        let over = match seconds {
            Some(seconds) => started.elapsed() >= seconds,
            None => seed - first >= cases,
        };
        if over {
            break;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            eprintln!("{target}: {} executions, at seed {seed}", seed - first);
        }
    }
    let count = seed - first;
    let seconds = started.elapsed().as_secs();
    println!("{target}: {count} executions from seed {first} in {seconds} s, no finding");
    println!("{target}: {}", sandbox::outcomes());
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// Ends the process when one seed stays too long; the returned place holds the seed at work.
fn watch(target: &'static str) -> Arc<AtomicU64> {
    let current = Arc::new(AtomicU64::new(0));
    let watched = Arc::downgrade(&current);
    std::thread::spawn(move || {
        let (mut seen, mut since) = (0, Instant::now());
        while let Some(current) = watched.upgrade() {
            let seed = current.load(Ordering::Relaxed);
            drop(current);
            if seed != seen {
                (seen, since) = (seed, Instant::now());
            } else if since.elapsed() > HANG {
                eprintln!("{target}: seed {seed} hangs. Again: npm run fuzz -- {target} 0 {seed}");
                std::process::abort();
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    current
}

/// The bytes that a seed stands for: SplitMix64, as many words as its first word says.
fn choices(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    };
    let words = 16 + next() % (CHOICES_BYTES_MAX / 8);
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}
