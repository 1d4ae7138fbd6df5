//! File names of CellVoyager: `PLATE_A01_T0001F001L01A01Z01C01.tif`.

use crate::{
    WellPosition,
    microscope::names::{image_stem, rsplit, tagged},
    model::{NamingScheme, PlaneName},
};

/// A file name taken apart; numbers as printed, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) well: WellPosition,
    pub(super) timepoint: u32,
    pub(super) field: u32,
    /// The timeline, which is a run over the plate of its own.
    pub(super) timeline: u32,
    pub(super) action: u32,
    pub(super) z: u32,
    pub(super) channel: u32,
}

/// Takes a file name (no folder) apart; `None` when it is not one of CellVoyager.
pub(super) fn parse(file_name: &str) -> Option<Name> {
    let (before, numbers) = rsplit(image_stem(file_name)?, b'_')?;
    let (timepoint, rest) = tagged(numbers, "T")?;
    let (field, rest) = tagged(rest, "F")?;
    let (timeline, rest) = tagged(rest, "L")?;
    let (action, rest) = tagged(rest, "A")?;
    let (z, rest) = tagged(rest, "Z")?;
    let (channel, rest) = tagged(rest, "C")?;
    let well = rsplit(before, b'_').map_or(before, |(_, well)| well).parse().ok()?;
    let all_from_one = [timepoint, field, timeline, action, z, channel].iter().all(|&n| n > 0);
    (all_from_one && rest.is_empty()).then_some(Name {
        well,
        timepoint,
        field,
        timeline,
        action,
        z,
        channel,
    })
}

/// The scheme of CellVoyager: `A01_T0001F001L01A01Z01C01.tif`, everything printed from 1, the
/// acquisition as the timeline.
#[derive(Clone, Copy, Debug)]
pub struct CellVoyagerNaming;

/// The one [`CellVoyagerNaming`].
pub static CELLVOYAGER_NAMING: CellVoyagerNaming = CellVoyagerNaming;

impl NamingScheme for CellVoyagerNaming {
    fn name(&self) -> &'static str {
        "cellvoyager"
    }

    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String> {
        let one_based = |index: Option<u32>| u64::from(index.unwrap_or(0)) + 1;
        let text = format!(
            "{}_T{:04}F{:03}L{:02}A01Z{:02}C{:02}.{extension}",
            name.well,
            one_based(name.t),
            one_based(name.field),
            one_based(name.acquisition),
            one_based(name.z),
            one_based(name.c)
        );
        self.parse(&text).map(|_| text)
    }

    fn parse(&self, file_name: &str) -> Option<PlaneName> {
        let name = parse(file_name)?;
        Some(PlaneName {
            well: name.well,
            field: Some(name.field - 1),
            acquisition: Some(name.timeline - 1),
            t: Some(name.timepoint - 1),
            c: Some(name.channel - 1),
            z: Some(name.z - 1),
        })
    }

    fn canonical(&self, name: PlaneName) -> PlaneName {
        PlaneName {
            well: name.well,
            field: Some(name.field.unwrap_or(0)),
            acquisition: Some(name.acquisition.unwrap_or(0)),
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
    fn names_of_real_plates() {
        let name = parse("CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack_D08_T0001F002L01A02Z04C02.tif")
            .unwrap();
        assert_eq!(name.well, WellPosition::new(3, 7));
        assert_eq!((name.field, name.action, name.z, name.channel), (2, 2, 4, 2));
        assert!(parse("AF48_T0001F001L01A01Z01C01.png").is_some());
        for text in [
            "DC_DCAM#1_CAM3.tif",
            "P_A01_T0001F001L01A01Z01C00.tif",
            "W0001F0001T0001Z001C1.tif",
            "P_A01_T1.tif",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn generate_and_parse_are_inverses(
            (row, column) in (0u32..800, 0u32..500),
            parts in proptest::array::uniform5(option::of(0u32..5000)),
        ) {
            let [field, acquisition, t, c, z] = parts;
            let well = WellPosition::new(row, column);
            let name = PlaneName { well, field, acquisition, t, c, z };
            let scheme = &CELLVOYAGER_NAMING;
            let text = scheme.generate(&name, "tif").unwrap();
            prop_assert_eq!(scheme.parse(&text), Some(scheme.canonical(name)), "{}", text);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", tail in "[TFLAZC0-9é_.]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("P_A01_T0001F001{tail}.tif"));
        }
    }
}
