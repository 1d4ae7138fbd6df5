//! Reading file names: extensions, folders, numbers, and how well names fit a scheme.

use super::{Detection, PlateFolder};

/// Extensions of image files that hold planes, without regard to case.
const IMAGE_EXTENSIONS: [&str; 4] = [".tif", ".tiff", ".png", ".npy"];
/// Names that are looked at to recognise a scheme.
const MAX_SAMPLE: usize = 256;

/// The name without the extension of an image file; `None` for other files.
pub(crate) fn image_stem(name: &str) -> Option<&str> {
    IMAGE_EXTENSIONS.iter().find_map(|extension| strip_suffix_ignore_case(name, extension))
}

/// The name of the file that `name` is a copy of, by what systems put into the names of copies:
/// `Copy of a.tif`, `a - Copy.tif`, `a copy 2.tif`, `a (1).tif`.
pub(crate) fn copied_name(name: &str) -> Option<String> {
    let stem = image_stem(name)?;
    let extension = &name[stem.len()..];
    let original = strip_prefix_ignore_case(stem, "copy of ").or_else(|| {
        let bare = without_number(stem);
        ["- copy", "copy"]
            .iter()
            .find_map(|mark| strip_suffix_ignore_case(bare, mark)?.strip_suffix(' '))
            .or_else(|| (stem.ends_with(')') && bare != stem).then_some(bare))
    })?;
    (!original.is_empty()).then(|| format!("{original}{extension}"))
}

/// `text` without ` (2)` or ` 2` at its end.
fn without_number(text: &str) -> &str {
    let Some((before, last)) = text.rsplit_once(' ') else { return text };
    let digits = last.strip_prefix('(').and_then(|last| last.strip_suffix(')')).unwrap_or(last);
    if number(digits).is_some() { before } else { text }
}

/// Whether a file is a TIFF by its name.
pub(crate) fn is_tiff(name: &str) -> bool {
    [".tif", ".tiff"].iter().any(|tiff| strip_suffix_ignore_case(name, tiff).is_some())
}

/// `text` without `suffix` at its end, compared without regard to ASCII case.
pub(crate) fn strip_suffix_ignore_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (stem, end) = text.split_at_checked(at)?;
    end.eq_ignore_ascii_case(suffix).then_some(stem)
}

/// `text` without `prefix` at its beginning, compared without regard to ASCII case.
pub(crate) fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Folder (without a trailing `/`; empty at the top) and name of a file.
pub(crate) fn split(file: &str) -> (&str, &str) {
    // Not a literal for the empty folder: comparing texts reads from where they are, under a
    // mask, and where nothing is mapped the processor takes hundreds of cycles to find out.
    match file.rfind('/') {
        Some(at) => (&file[..at], &file[at + 1..]),
        None => file.split_at(0),
    }
}

/// `text` before and after the last `separator`, an ASCII byte. Parts of names are short:
/// looking at one byte after the other is faster than a searcher.
pub(crate) fn rsplit(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.as_bytes().iter().rposition(|&byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The name of a file without its folder.
pub(crate) fn file_name(file: &str) -> &str {
    split(file).1
}

/// The largest number that is read from a name or a table.
pub(crate) const MAX_NUMBER: u32 = 999_999_999;

/// `text` as a whole number of at most nine digits.
pub(crate) fn number(text: &str) -> Option<u32> {
    match leading_number(text)? {
        (value, "") => Some(value),
        _ => None,
    }
}

/// The digits at the start of `text`, at most nine of them, and what follows.
pub(crate) fn leading_number(text: &str) -> Option<(u32, &str)> {
    let bytes = text.as_bytes();
    let n_digits = bytes.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if n_digits == 0 || n_digits > 9 {
        return None;
    }
    let value = bytes[..n_digits].iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    Some((value, &text[n_digits..]))
}

/// `tag` (without regard to case) and the digits after it, with what follows.
pub(crate) fn tagged<'a>(text: &'a str, tag: &str) -> Option<(u32, &'a str)> {
    leading_number(strip_prefix_ignore_case(text, tag)?)
}

/// The number of a folder like `TimePoint_3` or `zstep-3`: `tag`, at most one `_` or `-`,
/// digits to the end.
pub(crate) fn folder_number(name: &str, tag: &str) -> Option<u32> {
    let rest = strip_prefix_ignore_case(name, tag)?;
    number(rest.strip_prefix(['_', '-']).unwrap_or(rest))
}

/// `Names` when more than half of the image files fit a scheme, by a sample of them, or more
/// than half of the TIFFs alone: pictures that were laid beside a plate do not hide it.
pub(crate) fn by_names(folder: &PlateFolder<'_>, fits: impl Fn(&str) -> bool) -> Detection {
    let files = folder.files();
    let step = files.len().div_ceil(MAX_SAMPLE).max(1);
    let (mut n_images, mut n_fitting) = (0, 0);
    let (mut n_tiffs, mut n_fitting_tiffs) = (0, 0);
    for file in files.iter().step_by(step) {
        let name = file_name(file);
        if image_stem(name).is_some() {
            n_images += 1;
            let (fits, is_tiff) = (usize::from(fits(name)), usize::from(is_tiff(name)));
            n_fitting += fits;
            n_tiffs += is_tiff;
            n_fitting_tiffs += fits * is_tiff;
        }
    }
    if n_fitting * 2 > n_images || n_fitting_tiffs * 2 > n_tiffs {
        Detection::Names
    } else {
        Detection::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(number("0042"), Some(42));
        assert_eq!(number("999999999"), Some(999_999_999));
        for bad in ["", "x", "1x", "1234567890", "-1", "+1"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(tagged("S012_w1", "s"), Some((12, "_w1")));
    }

    #[test]
    fn copies_are_known_by_their_names() {
        for name in [
            "Copy of a_1.TIF",
            "a_1 (1).TIF",
            "a_1 - Copy.TIF",
            "a_1 copy 2.TIF",
            "a_1 - Copy (3).TIF",
        ] {
            assert_eq!(copied_name(name).as_deref(), Some("a_1.TIF"), "{name}");
        }
        for name in ["a_1.TIF", "a 1.TIF", "copy.tif", "a (b).tif", "a (1).txt"] {
            assert_eq!(copied_name(name), None, "{name}");
        }
    }

    #[test]
    fn folders_in_all_spellings() {
        for name in ["TimePoint_3", "timepoint-3", "TIMEPOINT3"] {
            assert_eq!(folder_number(name, "TimePoint"), Some(3), "{name}");
        }
        assert_eq!(folder_number("TimePoint__3", "TimePoint"), None);
        assert_eq!(folder_number("TimePoint_3b", "TimePoint"), None);
    }

    #[test]
    fn extensions_ignore_case_and_multibyte_names_are_safe() {
        assert_eq!(image_stem("a.TIF"), Some("a"));
        assert_eq!(image_stem("a.ome.tiff"), Some("a.ome"));
        assert_eq!(image_stem("é.tif"), Some("é"));
        assert_eq!(image_stem("ééé"), None);
        assert_eq!(image_stem("a.txt"), None);
    }
}
