//! The numbers that stand for types in wasm-bindgen's descriptors. They moved whenever a release
//! added a type in their middle, so the release that described decides what a number means.

/// A word of a descriptor that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    Bool,
    Function,
    Closure,
    CachedText,
    Text,
    Ref,
    RefMut,
    LongRef,
    Slice,
    Vector,
    Externref,
    NamedExternref,
    Enum,
    TextEnum,
    Union,
    Struct,
    Char,
    Option,
    Result,
    Unit,
    Clamped,
    NonNull,
    RawPointer,
    SeqMode,
    Nullable,
    I64AsF64,
    U64AsF64,
    I128,
    U128,
}

/// All tags in their order, each with the first release that has it. Releases between those whose
/// sources were read count as the earlier of them; [`Tags::candidates`] covers the doubt.
const ORDER: [(Tag, u32); 39] = [
    (Tag::I8, 0),
    (Tag::U8, 0),
    (Tag::I16, 0),
    (Tag::U16, 0),
    (Tag::I32, 0),
    (Tag::U32, 0),
    (Tag::I64, 0),
    (Tag::U64, 0),
    (Tag::I64AsF64, 119),
    (Tag::U64AsF64, 119),
    (Tag::I128, 96),
    (Tag::U128, 96),
    (Tag::F32, 0),
    (Tag::F64, 0),
    (Tag::Bool, 0),
    (Tag::Function, 0),
    (Tag::Closure, 0),
    (Tag::CachedText, 0),
    (Tag::Text, 0),
    (Tag::Ref, 0),
    (Tag::RefMut, 0),
    (Tag::LongRef, 83),
    (Tag::Slice, 0),
    (Tag::Vector, 0),
    (Tag::Externref, 0),
    (Tag::NamedExternref, 0),
    (Tag::Enum, 0),
    (Tag::TextEnum, 93),
    (Tag::Union, 120),
    (Tag::Struct, 0),
    (Tag::Char, 0),
    (Tag::Option, 0),
    (Tag::Result, 79),
    (Tag::Unit, 0),
    (Tag::Clamped, 0),
    (Tag::NonNull, 88),
    (Tag::RawPointer, 119),
    (Tag::SeqMode, 119),
    (Tag::Nullable, 119),
];

/// The releases at which numbers moved.
const MOVES: [u32; 7] = [0, 79, 83, 93, 96, 119, 120];

/// What the numbers mean in one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tags {
    release: u32,
}

impl Tags {
    /// The meanings to try for a module that names its release: its own first, then its
    /// neighbours', nearest first.
    pub(crate) fn candidates(release: Option<u32>) -> Vec<Tags> {
        let release = release.unwrap_or(u32::MAX);
        let own = MOVES
            .iter()
            .rposition(|first| *first <= release)
            .unwrap_or(0);
        let mut places: Vec<usize> = (0..MOVES.len()).collect();
        places.sort_by_key(|place| place.abs_diff(own));
        places
            .into_iter()
            .map(|place| Tags {
                release: MOVES[place],
            })
            .collect()
    }

    /// The meanings by which `word` begins a function's descriptor, newest first. Only releases
    /// that describe casts are meant.
    pub(crate) fn of_cast(word: u32) -> Option<Tags> {
        let with_casts = MOVES.iter().rev().filter(|first| **first >= 96);
        with_casts
            .map(|first| Tags { release: *first })
            .find(|tags| tags.tag(word) == Some(Tag::Function))
    }

    /// What a word means.
    pub(crate) fn tag(self, word: u32) -> Option<Tag> {
        let known = ORDER.iter().filter(|(_, since)| *since <= self.release);
        known.map(|(tag, _)| *tag).nth(word as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(release: u32, word: u32) -> Option<Tag> {
        Tags::candidates(Some(release))[0].tag(word)
    }

    #[test]
    fn numbers_mean_what_each_release_says() {
        assert_eq!(tag(61, 11), Some(Tag::Function));
        assert_eq!(tag(61, 25), Some(Tag::Unit));
        assert_eq!(tag(79, 25), Some(Tag::Result));
        assert_eq!(tag(95, 29), Some(Tag::Clamped));
        assert_eq!(tag(100, 13), Some(Tag::Function));
        assert_eq!(tag(130, 15), Some(Tag::Function));
        assert_eq!(tag(130, 33), Some(Tag::Unit));
        assert_eq!(tag(130, 38), Some(Tag::Nullable));
        assert_eq!(tag(130, 39), None);
    }
}
