//! A small bitmap font, drawn as text in `font.txt` so that it can be read and mended there: the
//! characters from space to `~` and a box for all others, sixteen to a band.

const DRAWING: &str = include_str!("font.txt");
const BAND_GLYPHS: usize = 16;
const FIRST: usize = ' ' as usize;
const LAST: usize = '~' as usize;

pub const GLYPH_COLUMNS: usize = 5;
pub const GLYPH_ROWS: usize = 9;

/// The set dots of a character as (column, row).
pub fn dots(character: char) -> impl Iterator<Item = (usize, usize)> {
    let index = (character as usize).clamp(FIRST - 1, LAST + 1);
    // Below the space there is no drawing: control characters get the box too.
    let glyph = if index < FIRST { LAST + 1 - FIRST } else { index - FIRST };
    // Bands are set apart by an empty line, glyphs by an empty column.
    let first_line = glyph / BAND_GLYPHS * (GLYPH_ROWS + 1);
    let first_column = glyph % BAND_GLYPHS * (GLYPH_COLUMNS + 1);
    DRAWING.lines().skip(first_line).take(GLYPH_ROWS).enumerate().flat_map(move |(row, line)| {
        let cells = line.bytes().skip(first_column).take(GLYPH_COLUMNS).enumerate();
        cells.filter(|&(_, cell)| cell == b'#').map(move |(column, _)| (column, row))
    })
}
