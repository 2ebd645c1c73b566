//! The same computations natively: `native FUNCTION INPUT SECONDS` calls one again and again, and prints
//! what it answered and, as JSON, what each call took.

use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, name, input, seconds] = &args[..] else {
        panic!("usage: native FUNCTION INPUT SECONDS");
    };
    let call = match name.as_str() {
        "hash" => compute::hash,
        "shrink" => compute::shrink,
        "primes" => compute::primes,
        _ => panic!("there is no function {name}"),
    };
    let length = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));

    let mut calls_us = Vec::new();
    let begun = Instant::now();
    let cpu_before = cpu_ns();
    let mut answer = String::new();
    while begun.elapsed() < length {
        let call_begun = Instant::now();
        answer = call(std::hint::black_box(input));
        calls_us.push(call_begun.elapsed().as_micros());
    }
    let cpu_us = (cpu_ns() - cpu_before) / 1000;
    println!("{{\"answer\":\"{answer}\",\"cpuUs\":{cpu_us},\"callsUs\":{calls_us:?}}}");
}

/// CPU time of this thread, the only one.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
}
