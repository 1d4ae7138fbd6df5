//! Pictures beside the images of a plate: microscopes write TIFF files, and people put PNG
//! files of the same names beside them to look at.

use std::collections::HashSet;

use super::{
    PlateFolder,
    builder::Capped,
    names::{image_stem, is_tiff},
};
use crate::{
    model::PassedOverReason,
    words::{count, verb},
};

/// Takes files of other kinds out of `images` where some are TIFF files. A picture of a plane
/// that is there is a remark; one that nothing else stands for is passed over, since it may be
/// all that is left of the plane, and is none.
pub(super) fn set_aside<T>(
    folder: &PlateFolder<'_>,
    images: &mut Vec<T>,
    file_of: impl Fn(&T) -> u32,
    notes: &mut Vec<String>,
) {
    let path_of = |image: &T| folder.files().get(file_of(image) as usize).unwrap_or_default();
    let n_tiff = images.iter().filter(|image| is_tiff(path_of(image))).count();
    if n_tiff == 0 || n_tiff == images.len() {
        return;
    }
    let stem = |image: &T| image_stem(path_of(image)).unwrap_or_default();
    let known: HashSet<&str> =
        images.iter().filter(|image| is_tiff(path_of(image))).map(stem).collect();
    let mut beside = Capped::new(3);
    images.retain(|image| {
        let path = path_of(image);
        if is_tiff(path) {
            return true;
        }
        match known.contains(stem(image)) {
            true => beside.push(|| path.to_owned()),
            false => folder.pass_over(path, PassedOverReason::OtherKind, ""),
        }
        false
    });
    let n = beside.n();
    if n > 0 {
        notes.push(format!(
            "{} beside TIFF files of the same names {} not read: {}",
            count(n, "picture"),
            verb(n, "is", "are"),
            beside.into_line()
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        microscope::{read_plate, testing::TestFolder},
        model::PassedOverReason,
    };

    #[test]
    fn the_pixels_of_a_plane_are_those_of_its_tiff_file() {
        for (reader, names) in [
            ("imagexpress", ["P_A01_s1_w1", "P_A01_s1_w2", "P_A01_s2_w1", "P_A01_s2_w2"]),
            (
                "scanr",
                [
                    "data/A1--W00001--P00001--Z00000--T00000--x",
                    "data/A1--W00001--P00001--Z00000--T00000--y",
                    "data/A1--W00001--P00002--Z00000--T00000--x",
                    "data/A1--W00001--P00002--Z00000--T00000--y",
                ],
            ),
        ] {
            // The first has a picture too, the last is a picture only.
            let files = names[..3].iter().map(|name| format!("{name}.TIF"));
            let pictures = [names[0], names[3]].map(|name| format!("{name}.png"));
            let files: Vec<String> = files.chain(pictures).collect();
            let folder = TestFolder::new(files.iter().map(String::as_str));
            let plate = read_plate(&folder.folder(), Some(reader)).unwrap();
            assert!(plate.sources.files.iter().all(|file| file.ends_with(".TIF")), "{reader}");
            let counts = plate.inventory.counts();
            assert_eq!((counts.present, counts.missing), (3, 1), "{reader}");
            let notes = plate.inventory.notes.join("\n");
            assert!(notes.contains("1 picture beside TIFF files"), "{reader}: {notes}");
            let passed_over = &plate.inventory.passed_over.files;
            assert_eq!(passed_over.len(), 1, "{reader}: {passed_over:?}");
            assert_eq!(passed_over[0].reason, PassedOverReason::OtherKind);
            assert_eq!(passed_over[0].path, format!("{}.png", names[3]));
            // A plate of pictures alone is one.
            let files = names.map(|name| format!("{name}.png"));
            let folder = TestFolder::new(files.iter().map(String::as_str));
            let plate = read_plate(&folder.folder(), Some(reader)).unwrap();
            assert_eq!(plate.inventory.counts().present, 4, "{reader}");
        }
    }
}
