//! File names of ScanR: `C05--W00029--P00001--Z00000--T00000--DAPI.tif`.

use crate::{
    WellPosition,
    microscope::names::{image_stem, strip_suffix_ignore_case, tagged},
};

/// A file name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// The well, where the name has its label.
    pub(super) well: Option<WellPosition>,
    /// Running number of the well, from 1.
    pub(super) number: u32,
    /// Position in the well, from 1: the field.
    pub(super) position: u32,
    /// From 0.
    pub(super) z: u32,
    /// From 0.
    pub(super) t: u32,
    /// The channel's name.
    pub(super) channel: &'a str,
}

/// Takes a file name (no folder) apart; `None` when it is not one of ScanR. What stands
/// before the running number is the well's label: a well, nothing, or a word of the user's.
pub(super) fn parse(file_name: &str) -> Option<Name<'_>> {
    let stem = image_stem(file_name)?;
    let stem = strip_suffix_ignore_case(stem, ".ome").unwrap_or(stem);
    parse_numbers(stem, None).or_else(|| {
        let (label, numbers) = stem.split_once("--")?;
        parse_numbers(numbers, label.parse().ok())
    })
}

fn parse_numbers(text: &str, well: Option<WellPosition>) -> Option<Name<'_>> {
    let (number, rest) = tagged(text, "W")?;
    let (position, rest) = tagged(rest, "--P")?;
    let (z, rest) = tagged(rest, "--Z")?;
    let (t, rest) = tagged(rest, "--T")?;
    let channel = rest.strip_prefix("--")?;
    let is_usable = number > 0 && position > 0 && !channel.is_empty();
    is_usable.then_some(Name { well, number, position, z, t, channel })
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    /// A name as ScanR writes it.
    fn generate(name: &Name<'_>) -> String {
        let label = name.well.map_or_else(String::new, |well| well.to_string());
        let Name { number, position, z, t, channel, .. } = name;
        format!("{label}--W{number:05}--P{position:05}--Z{z:05}--T{t:05}--{channel}.tif")
    }

    #[test]
    fn names_of_real_plates() {
        let name = parse("C05--W00029--P00001--Z00000--T00000--DAPI.tif").unwrap();
        assert_eq!(name.well, Some(WellPosition::new(2, 4)));
        assert_eq!((name.number, name.position, name.channel), (29, 1, "DAPI"));
        for text in [
            "W00100--P00002--Z00003--T00004--nucleus-dapi.tif",
            "--W00100--P00002--Z00003--T00004--nucleus-dapi.tif",
            "siRNA 7--W00100--P00002--Z00003--T00004--nucleus-dapi.ome.tif",
        ] {
            let name = parse(text).unwrap();
            assert_eq!(
                (name.well, name.number, name.position, name.z, name.t),
                (None, 100, 2, 3, 4)
            );
            assert_eq!(name.channel, "nucleus-dapi");
        }
        for text in [
            "A1--W00000--P00001--Z00000--T00000--DAPI.tif",
            "A1--W00001--P00000--Z00000--T00000--DAPI.tif",
            "A1--W00001--P00001--Z00000--T00000--.tif",
            "A1--W00001--P00001--Z00000--T00000.tif",
            "A1--W00001--P00001--Z00000--T00000--DAPI.txt",
            "A1-W00001-P00001-Z00000-T00000-DAPI.tif",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_the_inverse_of_writing(
            well in option::of((0u32..800, 0u32..500)),
            (number, position) in (1u32..100_000, 1u32..100_000),
            (z, t) in (0u32..100_000, 0u32..100_000),
            channel in "[A-Za-z0-9 _é-]{1,12}",
        ) {
            let well = well.map(|(row, column)| WellPosition::new(row, column));
            let name = Name { well, number, position, z, t, channel: &channel };
            let text = generate(&name);
            prop_assert_eq!(parse(&text), Some(name));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", tail in "[WPZT0-9é-]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("A1--W00001--P{tail}.tif"));
        }
    }
}
