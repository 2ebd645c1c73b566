//! Writes a caption on a picture: a text and a PNG or JPEG in, PNG out.

mod font;

use std::io::Cursor;

use font::{dots, GLYPH_COLUMNS, GLYPH_ROWS};
use image::{ImageError, ImageFormat, ImageReader, Limits, Rgba, RgbaImage};
use wasm_bindgen::prelude::*;

/// A few bytes can unpack to a huge picture: refuse it before memory is taken.
const SIDE_PIXELS_MAX: u32 = 4_096;
const DECODED_BYTES_MAX: u64 = 64 * 1024 * 1024;
const TEXT_CHARACTERS_MAX: usize = 500;
/// One dot of the font is one pixel per this many pixels of the picture's shorter side.
const PIXELS_PER_DOT: u32 = 120;
const WHITE: Rgba<u8> = Rgba([255, 255, 255, 255]);

/// Draws `text` in white on a darkened band along the bottom of the picture, words wrapped.
#[wasm_bindgen]
pub fn caption(text: &str, image: &[u8]) -> Result<Vec<u8>, JsError> {
    let length = text.chars().count();
    if length > TEXT_CHARACTERS_MAX {
        let limit = format!("the text has {length} characters; the most is {TEXT_CHARACTERS_MAX}");
        return Err(JsError::new(&limit));
    }
    let mut picture = decode(image)
        .map_err(|error| JsError::new(&format!("the picture cannot be read: {error}")))?;
    draw(&mut picture, text);
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn decode(bytes: &[u8]) -> Result<RgbaImage, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    Ok(reader.decode()?.to_rgba8())
}

fn draw(picture: &mut RgbaImage, text: &str) {
    let (width, height) = picture.dimensions();
    let dot = (width.min(height) / PIXELS_PER_DOT).max(1);
    let (advance, line_height) = (dot * (GLYPH_COLUMNS as u32 + 1), dot * (GLYPH_ROWS as u32 + 2));
    let lines = wrap(text, (width / advance).max(1) as usize);
    if lines.is_empty() {
        return;
    }
    let band = (lines.len() as u32 * line_height + dot).min(height);
    let top = height - band;
    for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= top) {
        let [red, green, blue, _] = pixel.0;
        *pixel = Rgba([red / 4, green / 4, blue / 4, 255]);
    }
    for (row, line) in lines.iter().enumerate() {
        let line_width = line.chars().count() as u32 * advance;
        let left = width.saturating_sub(line_width) / 2;
        for (column, character) in line.chars().enumerate() {
            for (x, y) in dots(character) {
                let x = left + column as u32 * advance + x as u32 * dot;
                let y = top + row as u32 * line_height + (y as u32 + 2) * dot;
                fill_dot(picture, x, y, dot);
            }
        }
    }
}

/// What lies outside of the picture is left out.
fn fill_dot(picture: &mut RgbaImage, x: u32, y: u32, dot: u32) {
    for (x, y) in (x..x + dot).flat_map(|x| (y..y + dot).map(move |y| (x, y))) {
        if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
            *pixel = WHITE;
        }
    }
}

/// Breaks text into lines of at most `columns` characters, inside a word only where it must.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        for piece in word.chunks(columns) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + piece.len() <= columns => {
                    line.push(' ');
                    line.extend(piece);
                }
                _ => lines.push(piece.iter().collect()),
            }
        }
    }
    lines
}
