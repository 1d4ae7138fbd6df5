//! File names of ImageXpress and MetaXpress, read from the right.

use crate::{
    WellPosition,
    microscope::names::{image_stem, leading_number, rsplit, strip_suffix_ignore_case},
    model::{NamingScheme, PlaneName},
};

/// A file name taken apart: `PREFIX_WELL[_sN][_wN][_zN][_tN]`, then maybe `_thumb` and a GUID.
///
/// The plate's name stands to the left of the well and may look like a well itself
/// (`MyPlate_T25_B03_s2_w1.TIF` is well B03), so names are read from the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// What stands before the well: the plate's name, or nothing.
    pub(super) prefix: &'a str,
    pub(super) well: WellPosition,
    pub(super) parts: Parts,
    pub(super) is_thumbnail: bool,
}

/// Numbers as printed, from 1 for site and wavelength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) site: Option<u32>,
    pub(super) wave: Option<u32>,
    pub(super) z: Option<u32>,
    pub(super) t: Option<u32>,
    pub(super) acquisition: Option<u32>,
}

impl Parts {
    fn slot(&mut self, tag: u8) -> Option<&mut Option<u32>> {
        match tag {
            b's' => Some(&mut self.site),
            b'w' => Some(&mut self.wave),
            b'z' => Some(&mut self.z),
            b't' => Some(&mut self.t),
            b'a' => Some(&mut self.acquisition),
            _ => None,
        }
    }
}

/// Takes a file name (no folder) apart; `None` when it is not one of ImageXpress.
pub(super) fn parse(file_name: &str) -> Option<Name<'_>> {
    let stem = without_guid(image_stem(file_name)?);
    let (stem, is_thumbnail) = match strip_suffix_ignore_case(stem, "_thumb") {
        Some(stem) => (stem, true),
        None => (stem, false),
    };
    // Vendors write tags in lower case and wells in upper case. Names that went through a
    // system without case are read when nothing else fits; `a01` is a well then.
    let (prefix, well, parts) = parse_stem(stem, is_tag)
        .or_else(|| parse_stem(stem, |tag| is_tag(tag) && tag != b'a'))
        .or_else(|| {
            parse_stem(stem, |tag| is_tag(tag.to_ascii_lowercase()) && !matches!(tag, b'a' | b'A'))
        })?;
    Some(Name { prefix, well, parts, is_thumbnail })
}

fn is_tag(byte: u8) -> bool {
    matches!(byte, b's' | b'w' | b'z' | b't' | b'a')
}

fn parse_stem(stem: &str, is_tag: impl Fn(u8) -> bool) -> Option<(&str, WellPosition, Parts)> {
    let mut parts = Parts::default();
    let mut rest = stem;
    loop {
        let (before, token) = rsplit(rest, b'_').unwrap_or(("", rest));
        match part(token, &is_tag) {
            Some((tag, value)) if !before.is_empty() => {
                let slot = parts.slot(tag)?;
                if slot.is_some() {
                    return None;
                }
                *slot = Some(value);
                rest = before;
            }
            _ => {
                // A site without anything before it is no well in lower case.
                let is_tag = token
                    .as_bytes()
                    .first()
                    .is_some_and(|byte| matches!(byte, b's' | b'w' | b'z' | b't'));
                if is_tag {
                    return None;
                }
                let is_bare = parts == Parts::default();
                return Some((before, well(token, is_bare)?, parts));
            }
        }
    }
}

/// A part such as `s12`: its tag in lower case and its number, which is 0 for z only.
fn part(token: &str, is_tag: impl Fn(u8) -> bool) -> Option<(u8, u32)> {
    let tag = *token.as_bytes().first().filter(|tag| is_tag(**tag))?;
    let tag = tag.to_ascii_lowercase();
    let (value, rest) = leading_number(&token[1..])?;
    (rest.is_empty() && (value > 0 || matches!(tag, b'z' | b't'))).then_some((tag, value))
}

/// A well: one or two letters and one or two digits; exactly two digits in a name that has
/// nothing else to recognise it by.
fn well(token: &str, is_bare: bool) -> Option<WellPosition> {
    let n_letters = token.bytes().take_while(u8::is_ascii_alphabetic).count();
    let n_digits = token.len() - n_letters;
    if n_letters > 2 || n_digits > 2 || (is_bare && n_digits != 2) {
        return None;
    }
    match WellPosition::parse_prefix(token)? {
        (well, "") => Some(well),
        _ => None,
    }
}

/// The stem without the GUID that acquisition software appends: at once after the last part
/// (`w1E94C24BD-45E4-450A-9919-257C714278F7`), or as `_[GUID]`.
fn without_guid(stem: &str) -> &str {
    let bracketed = stem
        .strip_suffix(']')
        .and_then(|stem| split_guid(stem))
        .and_then(|stem| stem.strip_suffix("_["));
    bracketed.or_else(|| split_guid(stem).filter(|stem| !stem.is_empty())).unwrap_or(stem)
}

fn split_guid(text: &str) -> Option<&str> {
    const LENGTH: usize = 36;
    let (before, guid) = text.split_at_checked(text.len().checked_sub(LENGTH)?)?;
    let guid = guid.as_bytes();
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    if guid[8] != b'-' {
        return None;
    }
    let fits = |(at, byte): (usize, &u8)| {
        if is_dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    guid.iter().enumerate().all(fits).then_some(before)
}

/// The scheme of ImageXpress: `A01_s1_w1.TIF`, with `_z1` and `_t1` where z and t are given,
/// everything printed from 1. `_a2` for the acquisition is this crate's addition.
#[derive(Clone, Copy, Debug)]
pub struct ImageXpressNaming;

/// The one [`ImageXpressNaming`].
pub static IMAGEXPRESS_NAMING: ImageXpressNaming = ImageXpressNaming;

impl NamingScheme for ImageXpressNaming {
    fn name(&self) -> &'static str {
        "imagexpress"
    }

    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String> {
        let mut text = name.well.to_string();
        // Wells past row ZZ have three letters, which the grammar does not allow.
        well(&text, false)?;
        let parts = [
            ("a", name.acquisition),
            ("s", Some(name.field.unwrap_or(0))),
            ("w", Some(name.c.unwrap_or(0))),
            ("z", name.z),
            ("t", name.t),
        ];
        for (tag, index) in parts {
            if let Some(index) = index {
                text.push_str(&format!("_{tag}{}", u64::from(index) + 1));
            }
        }
        text.push('.');
        text.push_str(extension);
        image_stem(&text).is_some().then_some(text)
    }

    fn parse(&self, file_name: &str) -> Option<PlaneName> {
        let Name { well, parts, is_thumbnail, .. } = parse(file_name)?;
        let index = |printed: Option<u32>| match printed {
            None => Some(None),
            Some(printed) => printed.checked_sub(1).map(Some),
        };
        let name = PlaneName {
            well,
            field: Some(index(parts.site)?.unwrap_or(0)),
            acquisition: index(parts.acquisition)?,
            t: index(parts.t)?,
            c: Some(index(parts.wave)?.unwrap_or(0)),
            z: index(parts.z)?,
        };
        (!is_thumbnail).then_some(name)
    }

    fn canonical(&self, name: PlaneName) -> PlaneName {
        PlaneName { field: Some(name.field.unwrap_or(0)), c: Some(name.c.unwrap_or(0)), ..name }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn show(name: &str) -> String {
        let Some(Name { prefix, well, parts, is_thumbnail }) = parse(name) else {
            return "-".to_owned();
        };
        let mut text = format!("{prefix}|{well}");
        for (tag, part) in [
            ("a", parts.acquisition),
            ("s", parts.site),
            ("w", parts.wave),
            ("z", parts.z),
            ("t", parts.t),
        ] {
            text.push_str(&part.map_or_else(String::new, |part| format!(" {tag}{part}")));
        }
        if is_thumbnail { text + " thumb" } else { text }
    }

    #[test]
    fn names_of_real_plates() {
        for (name, expected) in [
            (
                "Projection-Mix_E08_s2_w266923EBB-9960-4952-8955-D1721D112EE2.tif",
                "Projection-Mix|E08 s2 w2",
            ),
            (
                "Projection-Mix_E07_s1_w2_thumbE5A6D08C-AF44-4CA9-A6E8-7DC9BC9565F2.tif",
                "Projection-Mix|E07 s1 w2 thumb",
            ),
            ("9987_B02.TIF", "9987|B02"),
            ("9987_B02_s1_w3.TIF", "9987|B02 s1 w3"),
            ("IM-Assays-EXP2_A02_s4_w1.TIF", "IM-Assays-EXP2|A02 s4 w1"),
            (
                "2011-04-19-plate-1_A01_s1_[A192FCC1-DC1A-4523-97BB-07688327EAC3].tif",
                "2011-04-19-plate-1|A01 s1",
            ),
            ("BSF018292-1A_P24_w2.TIF", "BSF018292-1A|P24 w2"),
            ("plate 11001_H12_s16_w2.TIF", "plate 11001|H12 s16 w2"),
            (
                "ADSAStaphInfection2_A01_w2247376DD-6ADD-442D-AE47-F54A05F3EA94.tif",
                "ADSAStaphInfection2|A01 w2",
            ),
        ] {
            assert_eq!(show(name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_mislead() {
        for (name, expected) in [
            ("MyPlate_T25_B03_s2_w1.TIF", "MyPlate_T25|B03 s2 w1"),
            ("2024-01-01_P2_A01_s1_w2_thumb.tif", "2024-01-01_P2|A01 s1 w2 thumb"),
            ("AA01_s1_w1.tif", "|AA01 s1 w1"),
            ("x_AF48_s9_w5_z12_t3.tiff", "x|AF48 s9 w5 z12 t3"),
            ("PLATE_A01_S1_W2.TIF", "PLATE|A01 s1 w2"),
            ("MyPlate_B03_T25.TIF", "MyPlate_B03|T25"),
            ("MyPlate_W12_s1_w2.TIF", "MyPlate|W12 s1 w2"),
            ("B03_a2_s1_w1.tif", "|B03 a2 s1 w1"),
            ("plate_a01_s1_w1.tif", "plate|A01 s1 w1"),
            ("plate_a12_a02_s1.tif", "plate_a12|A02 s1"),
            ("s_C001.tif", "-"),
            ("image_x1.tif", "-"),
            ("A01_s1_s2.tif", "-"),
            ("A01_s0_w1.tif", "-"),
            ("A00_s1_w1.tif", "-"),
            ("notes_A01.txt", "-"),
            ("_s1_w1.tif", "-"),
            ("r01c01f01p01-ch1sk1fk1fl1.tiff", "-"),
            ("ü_A01_s1_wéé.tif", "-"),
        ] {
            assert_eq!(show(name), expected, "{name}");
        }
    }

    fn any_name() -> impl Strategy<Value = PlaneName> {
        let part = || option::of(0u32..5000);
        ((0u32..800, 0u32..120), part(), part(), part(), part(), part()).prop_map(
            |((row, column), field, acquisition, t, c, z)| PlaneName {
                well: WellPosition::new(row, column),
                field,
                acquisition,
                t,
                c,
                z,
            },
        )
    }

    proptest! {
        #[test]
        fn generate_and_parse_are_inverses(name in any_name()) {
            let scheme = &IMAGEXPRESS_NAMING;
            let text = scheme.generate(&name, "TIF");
            prop_assert_eq!(text.is_some(), name.well.row < 702 && name.well.column < 99);
            if let Some(text) = text {
                prop_assert_eq!(scheme.parse(&text), Some(scheme.canonical(name)), "{}", text);
                let behind = format!("P_T25_A01_{text}");
                prop_assert_eq!(scheme.parse(&behind), Some(scheme.canonical(name)), "{}", behind);
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", tail in "[A-F0-9_swztaé.-]{0,50}") {
            let _ = parse(&text);
            let _ = parse(&format!("{text}_{tail}.tif"));
        }
    }
}
