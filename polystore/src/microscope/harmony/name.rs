//! File names of Harmony: `r03c03f01p01-ch1sk1fk1fl1.tiff`.

use crate::{
    WellPosition,
    microscope::names::{image_stem, tagged},
    model::{NamingScheme, PlaneName},
};

/// A file name taken apart; numbers as printed, from 1.
///
/// `r` row, `c` column, `f` field, `p` plane (z), `ch` channel, `sk` timepoint, `fk` timepoint
/// within a fast series, `fl` lifetime bin. Old names have no `sk` and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) well: WellPosition,
    pub(super) field: u32,
    pub(super) plane: u32,
    pub(super) channel: u32,
    pub(super) timepoint: u32,
    pub(super) fast: u32,
}

/// Takes a file name (no folder) apart; `None` when it is not one of Harmony.
pub(super) fn parse(file_name: &str) -> Option<Name> {
    let stem = image_stem(file_name)?;
    let (row, rest) = tagged(stem, "r")?;
    let (column, rest) = tagged(rest, "c")?;
    let (field, rest) = tagged(rest, "f")?;
    let (plane, rest) = tagged(rest, "p")?;
    let (_, rest) = optional(rest, "rc")?;
    let (channel, rest) = tagged(rest, "-ch")?;
    let (timepoint, rest) = optional(rest, "sk")?;
    let (fast, rest) = optional(rest, "fk")?;
    let (_, rest) = optional(rest, "fl")?;
    let all_from_one = [row, column, field, channel, timepoint, fast].iter().all(|&n| n > 0);
    let in_grid = row <= WellPosition::MAX && column <= WellPosition::MAX;
    if !all_from_one || !in_grid || !(rest.is_empty() || rest.starts_with('_')) {
        return None;
    }
    let well = WellPosition::new(row - 1, column - 1);
    Some(Name { well, field, plane, channel, timepoint, fast })
}

/// The number after `tag`, 1 when the tag is not there.
fn optional<'a>(text: &'a str, tag: &str) -> Option<(u32, &'a str)> {
    match text.as_bytes().get(..tag.len()) {
        Some(start) if start.eq_ignore_ascii_case(tag.as_bytes()) => tagged(text, tag),
        _ => Some((1, text)),
    }
}

/// The scheme of Harmony: `r01c01f01p01-ch1sk1fk1fl1.tiff`, everything printed from 1.
#[derive(Clone, Copy, Debug)]
pub struct HarmonyNaming;

/// The one [`HarmonyNaming`].
pub static HARMONY_NAMING: HarmonyNaming = HarmonyNaming;

impl NamingScheme for HarmonyNaming {
    fn name(&self) -> &'static str {
        "harmony"
    }

    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String> {
        if name.acquisition.is_some_and(|acquisition| acquisition > 0) {
            return None;
        }
        let one_based = |index: Option<u32>| u64::from(index.unwrap_or(0)) + 1;
        let text = format!(
            "r{:02}c{:02}f{:02}p{:02}-ch{}sk{}fk1fl1.{extension}",
            u64::from(name.well.row) + 1,
            u64::from(name.well.column) + 1,
            one_based(name.field),
            one_based(name.z),
            one_based(name.c),
            one_based(name.t)
        );
        self.parse(&text).map(|_| text)
    }

    fn parse(&self, file_name: &str) -> Option<PlaneName> {
        let name = parse(file_name)?;
        (name.fast == 1).then_some(PlaneName {
            well: name.well,
            field: Some(name.field - 1),
            acquisition: None,
            t: Some(name.timepoint - 1),
            c: Some(name.channel - 1),
            z: Some(name.plane.checked_sub(1)?),
        })
    }

    fn canonical(&self, name: PlaneName) -> PlaneName {
        PlaneName {
            well: name.well,
            acquisition: None,
            field: Some(name.field.unwrap_or(0)),
            t: Some(name.t.unwrap_or(0)),
            c: Some(name.c.unwrap_or(0)),
            z: Some(name.z.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    #[test]
    fn names_in_all_variants() {
        let name = parse("r03c24f12p07-ch2sk5fk1fl1.tiff").unwrap();
        assert_eq!(name.well, WellPosition::new(2, 23));
        assert_eq!((name.field, name.plane, name.channel, name.timepoint), (12, 7, 2, 5));
        for text in [
            "r03c24f12p07-ch2.tiff",
            "R03C24F012P07-CH2SK1FK1FL1.TIF",
            "r03c24f12p07rc2-ch2sk1fk1fl1.tiff",
            "r03c24f12p07-ch2sk1fk1fl1_flat.tiff",
        ] {
            let name = parse(text).unwrap();
            assert_eq!(
                (name.field, name.plane, name.channel, name.timepoint),
                (12, 7, 2, 1),
                "{text}"
            );
        }
        for text in [
            "r03c24f12p07.tiff",
            "r00c01f01p01-ch1.tiff",
            "r1c1f1p1-ch1sk.tiff",
            "A01_s1.tif",
            "r1é.tiff",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn generate_and_parse_are_inverses(
            (row, column) in (0u32..40, 0u32..60),
            parts in proptest::array::uniform5(option::of(0u32..5000)),
        ) {
            let [field, acquisition, t, c, z] = parts;
            let well = WellPosition::new(row, column);
            let name = PlaneName { well, field, acquisition, t, c, z };
            let scheme = &HARMONY_NAMING;
            let text = scheme.generate(&name, "tiff");
            prop_assert_eq!(text.is_some(), acquisition.unwrap_or(0) == 0);
            if let Some(text) = text {
                prop_assert_eq!(scheme.parse(&text), Some(scheme.canonical(name)), "{}", text);
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", tail in "[rcfphskl0-9é.-]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("r01c01f01p01{tail}.tiff"));
        }
    }
}
