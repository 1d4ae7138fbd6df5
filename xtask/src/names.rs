//! Names of Slice in Rust's case.

/// Words that Rust keeps for itself.
const KEYWORDS: [&str; 38] = [
    "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "final", "fn", "for", "if", "impl", "in", "let", "loop", "match",
    "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "super", "trait", "type",
    "unsafe", "use", "where", "while",
];

/// `getXMLFile` as `get_xml_file`, `imageIDs` as `image_ids`, `_name` as `name`.
pub(crate) fn snake(name: &str) -> String {
    let letters: Vec<char> = name.trim_start_matches('_').chars().collect();
    let mut out = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before != '_' && (!before.is_ascii_uppercase() || begins_lower(&letters[at + 1..]))
            });
        if begins_word {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    if KEYWORDS.contains(&&*out) { format!("{out}_") } else { out }
}

/// Whether a word goes on in small letters; the `s` of a plural is none.
fn begins_lower(rest: &[char]) -> bool {
    match rest {
        ['s'] => false,
        ['s', next, ..] if !next.is_ascii_lowercase() => false,
        [first, ..] => first.is_ascii_lowercase(),
        [] => false,
    }
}

/// `columnNamingConvention` as `COLUMN_NAMING_CONVENTION`.
pub(crate) fn screaming(name: &str) -> String {
    snake(name).trim_end_matches('_').to_ascii_uppercase()
}

/// `MICROMETER` as `Micrometer`, `NO_NAME` as `NoName`, `CloseOff` as it is.
pub(crate) fn variant(name: &str) -> String {
    let is_loud = !name.chars().any(|letter| letter.is_ascii_lowercase());
    let parts = name.split('_').filter(|part| !part.is_empty());
    let capital = |part: &str| {
        let (first, rest) = part.split_at(1);
        let rest = if is_loud { rest.to_ascii_lowercase() } else { rest.to_owned() };
        first.to_ascii_uppercase() + &rest
    };
    parts.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_rust_case() {
        for (name, expected) in [
            ("getXMLFile", "get_xml_file"),
            ("imageIDs", "image_ids"),
            ("pixelsID", "pixels_id"),
            ("_columnNamingConvention", "column_naming_convention"),
            ("theZ", "the_z"),
            ("loadROIsByPlane", "load_rois_by_plane"),
            ("type", "type_"),
            ("sha1", "sha1"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(screaming("type"), "TYPE");
        assert_eq!(variant("MICROMETER"), "Micrometer");
        assert_eq!(variant("CloseOff"), "CloseOff");
    }
}
