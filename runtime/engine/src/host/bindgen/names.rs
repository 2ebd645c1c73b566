//! The names of wasm-bindgen's imports, which differ between its versions, made one.

/// The digits of the hash that ends most names.
const HASH_DIGITS: usize = 16;

/// The plain name of an import: `throw` for `__wbindgen_throw`, `__wbg_wbindgenthrow_<hash>` and
/// `__wbg___wbindgen_throw_<hash>`. Underscores go, for the second form has none. `None` for the
/// imports of anybody else.
pub fn plain(import: &str) -> Option<String> {
    let name = match import.strip_prefix("__wbg_") {
        Some(rest) => {
            let rest = without_hash(rest);
            let inner = rest
                .strip_prefix("__wbindgen_")
                .or(rest.strip_prefix("wbindgen"));
            inner.unwrap_or(rest)
        }
        None => without_hash(import.strip_prefix("__wbindgen_")?),
    };
    // A cast carries its hash or its number as its whole rest.
    for cast in ["cast", "generic"] {
        if name
            .strip_prefix(cast)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        {
            return Some("cast".to_owned());
        }
    }
    Some(name.replace('_', ""))
}

/// The name without the hash that may end it.
pub fn without_hash(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((plain, hash))
            if hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            plain
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_name_is_one_name() {
        for name in [
            "__wbindgen_throw",
            "__wbg_wbindgenthrow_4c11a24fca429ccf",
            "__wbg___wbindgen_throw_dd24417ed36fc46e",
        ] {
            assert_eq!(plain(name).as_deref(), Some("throw"), "{name}");
        }
        for name in [
            "__wbindgen_cast_2241b6af4c4b2941",
            "__wbindgen_cast_19",
            "__wbindgen_generic_0000000000000001",
        ] {
            assert_eq!(plain(name).as_deref(), Some("cast"), "{name}");
        }
        assert_eq!(
            plain("__wbg_Error_0497d5bdba9362e5").as_deref(),
            Some("Error")
        );
        assert_eq!(
            plain("__wbg_error_0497d5bdba9362e5").as_deref(),
            Some("error")
        );
        assert_eq!(plain("fd_write"), None);
    }
}
