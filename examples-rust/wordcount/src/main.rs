//! Counts words, as any command line program would: text on standard input, JSON on standard
//! output, complaints on standard error with exit code 2. The optional argument is how many of the
//! most frequent words to list.

use std::collections::HashMap;
use std::env::args;
use std::io::{stdin, stdout, Read, Write};
use std::process::ExitCode;

use serde::Serialize;

const TOP_WORDS: usize = 3;
const TOP_WORDS_MAX: usize = 1_000;
const EXIT_USAGE: u8 = 2;
const EXIT_FAILED: u8 = 1;

#[derive(Serialize)]
struct Counts {
    lines: usize,
    words: usize,
    characters: usize,
    top: Vec<(String, usize)>,
}

fn main() -> ExitCode {
    let top = match top_words(args().nth(1)) {
        Ok(top) => top,
        Err(reason) => {
            eprintln!("wordcount: {reason}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut text = String::new();
    if let Err(error) = stdin().read_to_string(&mut text) {
        eprintln!("wordcount: cannot read the text: {error}");
        return ExitCode::from(EXIT_FAILED);
    }
    let json = serde_json::to_vec(&count(&text, top)).expect("counts are plain JSON");
    match stdout().write_all(&json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wordcount: cannot write the counts: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn top_words(argument: Option<String>) -> Result<usize, String> {
    let Some(argument) = argument else { return Ok(TOP_WORDS) };
    match argument.parse() {
        Ok(top) if top <= TOP_WORDS_MAX => Ok(top),
        _ => Err(format!("\"{argument}\" is not a number from 0 to {TOP_WORDS_MAX}")),
    }
}

fn count(text: &str, top: usize) -> Counts {
    let mut frequencies: HashMap<String, usize> = HashMap::new();
    let mut words = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words += 1;
        *frequencies.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut ranking: Vec<_> = frequencies.into_iter().collect();
    ranking.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranking.truncate(top);
    Counts { lines: text.lines().count(), words, characters: text.chars().count(), top: ranking }
}
