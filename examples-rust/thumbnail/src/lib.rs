//! Makes a picture small: PNG or JPEG in, PNG of at most 160 by 160 pixels out.

use std::io::Cursor;

use image::{ImageError, ImageFormat, ImageReader, Limits};
use wasm_bindgen::prelude::*;

const THUMBNAIL_PIXELS: u32 = 160;
/// A few bytes can unpack to a huge picture: refuse it before memory is taken.
const SIDE_PIXELS_MAX: u32 = 8_000;
const DECODED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Scales the picture to fit the thumbnail, its proportions kept; a smaller one stays as it is.
#[wasm_bindgen]
pub fn thumbnail(image: &[u8]) -> Result<Vec<u8>, JsError> {
    shrink(image).map_err(|error| JsError::new(&format!("cannot make a thumbnail: {error}")))
}

fn shrink(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);

    let picture = reader.decode()?;
    let fits = picture.width() <= THUMBNAIL_PIXELS && picture.height() <= THUMBNAIL_PIXELS;
    let small = if fits { picture } else { picture.thumbnail(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS) };

    let mut png = Cursor::new(Vec::new());
    small.to_rgba8().write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}
