//! Pure computations of some tens of milliseconds. Their input is a size as text, so that each can be
//! made longer or shorter; their output is a text that depends on all of the work.

use image::imageops::{resize, FilterType};
use image::{Rgb, RgbImage};
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

const BLOCK_BYTES: usize = 64 * 1024;
/// The resized picture's longer side.
const SMALL_PIXELS: u32 = 320;

/// SHA-256, as hexadecimal, of so many bytes, which are made block by block.
#[wasm_bindgen]
pub fn hash(bytes: &str) -> String {
    let mut left = size(bytes);
    let mut block = vec![0u8; BLOCK_BYTES];
    let mut hash = Sha256::new();
    let mut salt = 0u8;
    while left > 0 {
        let length = left.min(BLOCK_BYTES);
        for (at, byte) in block[..length].iter_mut().enumerate() {
            *byte = (at as u8).wrapping_add(salt);
        }
        hash.update(&block[..length]);
        left -= length;
        salt = salt.wrapping_add(1);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a picture so many pixels wide (four to three), shrinks it with a Lanczos filter and answers the
/// sum of what is left.
#[wasm_bindgen]
pub fn shrink(width: &str) -> String {
    let width = size(width) as u32;
    let height = width * 3 / 4;
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
    let small = resize(&picture, SMALL_PIXELS, SMALL_PIXELS * 3 / 4, FilterType::Lanczos3);
    small.as_raw().iter().map(|&byte| u64::from(byte)).sum::<u64>().to_string()
}

/// How many primes there are below the limit, by the sieve of Eratosthenes.
#[wasm_bindgen]
pub fn primes(limit: &str) -> String {
    let limit = size(limit);
    let mut composite = vec![false; limit];
    let mut found = 0;
    for number in 2..limit {
        if composite[number] {
            continue;
        }
        found += 1;
        // Where the square is past what a usize holds (32 bits in WebAssembly) nothing is left to mark.
        let square = number.saturating_mul(number);
        for multiple in (square..limit).step_by(number) {
            composite[multiple] = true;
        }
    }
    found.to_string()
}

fn size(text: &str) -> usize {
    text.parse().expect("a whole number")
}
