//! What a module's custom sections tell of how it was made.

use wasmparser::{BinaryReader, Parser, Payload, ProducersSectionReader};

/// The facts found; a module that was stripped has none.
#[derive(Debug, Default)]
pub struct Sections {
    /// The last number of wasm-bindgen's version `0.2.N`.
    pub release: Option<u32>,
    /// Whether the wasm-bindgen program made this module.
    pub processed: bool,
    /// Whether the module carries what only cargo's output for wasm-bindgen carries.
    pub unprocessed: bool,
}

/// Reads the custom sections. Damaged ones tell nothing: they do not concern execution.
pub fn read(wasm: &[u8]) -> Sections {
    let mut sections = Sections::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(Payload::CustomSection(section)) = payload else {
            continue;
        };
        match section.name() {
            "producers" => {
                if let Some(version) = producer(section.data(), section.data_offset()) {
                    sections.processed = true;
                    sections.release = sections.release.or(release(&version));
                }
            }
            "__wasm_bindgen_unstable" => {
                sections.unprocessed = true;
                sections.release = sections.release.or(schema_release(section.data()));
            }
            _ => {}
        }
    }
    sections
}

fn producer(data: &[u8], offset: usize) -> Option<String> {
    let fields = ProducersSectionReader::new(BinaryReader::new(data, offset)).ok()?;
    for field in fields {
        let field = field.ok()?;
        if field.name != "processed-by" {
            continue;
        }
        for value in field.values {
            let value = value.ok()?;
            if value.name == "wasm-bindgen" {
                return Some(value.version.to_owned());
            }
        }
    }
    None
}

/// The release that wrote the section's first program: its header is JSON with a schema version.
fn schema_release(data: &[u8]) -> Option<u32> {
    const KEY: &[u8] = b"\"schema_version\":\"";
    let at = data.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let rest = &data[at..];
    let version = &rest[..rest.iter().position(|byte| *byte == b'"')?];
    release(std::str::from_utf8(version).ok()?)
}

fn release(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("0.2.")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_gives_its_release() {
        assert_eq!(release("0.2.87 (f0a8ae3b9 2023-06-12)"), Some(87));
        assert_eq!(release("0.2.130"), Some(130));
        assert_eq!(release("1.0.0"), None);
    }

    #[test]
    fn a_schema_version_is_found_in_the_header() {
        let data = b"\x30\0\0\0{\"schema_version\":\"0.2.100\",\"version\":\"0.2.106\"}\x01\0\0\0";
        assert_eq!(schema_release(data), Some(100));
        assert_eq!(schema_release(b"\"schema_version\":\"0.2"), None);
    }
}
