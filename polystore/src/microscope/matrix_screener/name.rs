//! File names of Matrix Screener:
//! `image--L0000--S00--U00--V00--J08--E00--O00--X00--Y00--T0000--Z00--C00.ome.tif`.

use crate::microscope::names::{image_stem, leading_number, strip_suffix_ignore_case};

/// The largest place of a well or a field in its grid.
const MAX_PLACE: u32 = 9998;

/// A file name taken apart; everything from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// `L`: which run of the whole matrix.
    pub(super) scan: u32,
    /// `S`: the slide or plate in the holder.
    pub(super) slide: u32,
    /// `U`: column of the well.
    pub(super) column: u32,
    /// `V`: row of the well.
    pub(super) row: u32,
    /// `J`: the job, which is a setting of the microscope.
    pub(super) job: u32,
    /// `X`: column of the field.
    pub(super) x: u32,
    /// `Y`: row of the field.
    pub(super) y: u32,
    /// `T`: timepoint of the job.
    pub(super) t: u32,
    /// `Z`: z-section.
    pub(super) z: u32,
    /// `C`: channel of the job.
    pub(super) c: u32,
}

/// Takes a file name (no folder) apart; `None` when it is not one of Matrix Screener. The
/// first word is `image`, `I` in newer versions; `U`, `V`, `X` and `Y` must be there, the
/// other parts may be left out. `E` and `O` tell no planes apart and are passed over.
pub(super) fn parse(file_name: &str) -> Option<Name> {
    let stem = image_stem(file_name)?;
    let stem = strip_suffix_ignore_case(stem, ".ome").unwrap_or(stem);
    let (_, parts) = stem.split_once("--")?;
    let mut values: [Option<u32>; 26] = [None; 26];
    for part in parts.split("--") {
        let tag = *part.as_bytes().first().filter(|tag| b"LSUVJEOXYTZC".contains(tag))?;
        let (value, "") = leading_number(&part[1..])? else { return None };
        let slot = &mut values[usize::from(tag - b'A')];
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let value = |tag: u8| values[usize::from(tag - b'A')];
    let place = |tag: u8| value(tag).filter(|&place| place <= MAX_PLACE);
    Some(Name {
        column: place(b'U')?,
        row: place(b'V')?,
        x: place(b'X')?,
        y: place(b'Y')?,
        scan: value(b'L').unwrap_or(0),
        slide: value(b'S').unwrap_or(0),
        job: value(b'J').unwrap_or(0),
        t: value(b'T').unwrap_or(0),
        z: value(b'Z').unwrap_or(0),
        c: value(b'C').unwrap_or(0),
    })
}

/// The folder of the experiment, given that of an image: above `slide--S00`,
/// `chamber--U00--V00` and `field--X00--Y00`, whose words differ between versions.
pub(super) fn experiment(mut folder: &str) -> &str {
    while !folder.is_empty() {
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let mut parts = name.split("--").skip(1).peekable();
        let is_place = |part: &str| {
            part.as_bytes().first().is_some_and(|tag| b"SUVXY".contains(tag))
                && matches!(leading_number(&part[1..]), Some((_, "")))
        };
        if parts.peek().is_none() || !parts.all(is_place) {
            break;
        }
        folder = above;
    }
    folder
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A name as Matrix Screener writes it.
    fn generate(name: &Name) -> String {
        let Name { scan, slide, column, row, job, x, y, t, z, c } = name;
        format!(
            "image--L{scan:04}--S{slide:02}--U{column:02}--V{row:02}--J{job:02}--E00--O01\
             --X{x:02}--Y{y:02}--T{t:04}--Z{z:02}--C{c:02}.ome.tif"
        )
    }

    #[test]
    fn names_of_real_experiments() {
        let name =
            parse("image--L0000--S00--U04--V01--J102--E00--O01--X03--Y02--T0007--Z00--C15.ome.tif")
                .unwrap();
        assert_eq!((name.column, name.row, name.x, name.y), (4, 1, 3, 2));
        assert_eq!((name.job, name.t, name.c), (102, 7, 15));
        for text in [
            "I--L0000--S00--U00--V00--J08--E00--O00--X00--Y00--T0000--C00.ome.tif",
            "image--L0000--S00--U00--V00--J08--X00--Y00--T0000--Z00--C00.png",
        ] {
            assert_eq!(parse(text), Some(Name { job: 8, ..Name::default() }), "{text}");
        }
        for text in [
            "image--L0000--S00--U00--V00--J08--T0000--Z00--C00.ome.tif",
            "image--U00--U00--V00--X00--Y00.tif",
            "image--U00--V00--X00--Y00--Q00.tif",
            "image--U00--V00--X00--Y9999.tif",
            "image--U00--V00--X00--Y00--.tif",
            "A1--W00001--P00001--Z00000--T00000--C1.tif",
            "image--L0000--S00--U00--V00--J19--E00--O00--X01--Y01--T0000.ome.xml",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_experiment_is_above_the_places() {
        for (folder, expected) in [
            ("", ""),
            ("slide--S00/chamber--U00--V00/field--X00--Y00", ""),
            ("b--S00/c--U00--V00/d--X00--Y00", ""),
            ("exp--2015_01_01_10_00/slide--S00/chamber--U00--V00", "exp--2015_01_01_10_00"),
            ("a/b", "a/b"),
        ] {
            assert_eq!(experiment(folder), expected, "{folder}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_the_inverse_of_writing(
            grid in proptest::array::uniform4(0u32..=MAX_PLACE),
            numbers in proptest::array::uniform6(0u32..100_000),
        ) {
            let [column, row, x, y] = grid;
            let [scan, slide, job, t, z, c] = numbers;
            let name = Name { scan, slide, column, row, job, x, y, t, z, c };
            prop_assert_eq!(parse(&generate(&name)), Some(name));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", tail in "[LSUVJXYTZC0-9é-]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("image--U00--V00{tail}.tif"));
            let _ = experiment(&text);
        }
    }
}
