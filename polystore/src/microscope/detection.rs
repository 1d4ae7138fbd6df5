//! Every reader against the plates of all others: none takes what is not its own.

use super::{
    BUILT_IN, Detection, detect, microscope, read_plate,
    testing::{TestFolder, data, listing},
};
use crate::model::PassedOverReason;

/// Real plates of the repository, with their reader.
const REAL: [(&str, &str); 5] = [
    ("operetta/plate", "harmony"),
    ("cellvoyager/plate", "cellvoyager"),
    ("imagexpress-mix/plate", "imagexpress"),
    ("imagexpress-htd/9987_Plate_3420", "imagexpress"),
    ("imagexpress-htd/9987_Plate_3434", "imagexpress"),
];

/// Names of plates of which no real one is in the repository.
const SYNTHETIC: [(&[&str], &str); 10] = [
    (&["data/C05--W00029--P00001--Z00000--T00000--DAPI.tif"], "scanr"),
    (&["experiment_descriptor.xml", "data/--W00029--P00001--Z00000--T00000--A_B02.tif"], "scanr"),
    (&["data/metadata.ome.xml", "data/A1--W00001--P00001--Z00000--T00000--x.tif"], "scanr"),
    (
        &[
            "slide--S00/chamber--U00--V00/field--X00--Y00/image--L0000--S00--U00--V00--J08--E00--O00--X00--Y00--T0000--Z00--C00.ome.tif",
        ],
        "matrix-screener",
    ),
    (&["A01_s001_z000_c000.tif", "A02_s001_z000_c000.tif"], "polystore"),
    (&["B03/B03_a002_s001_z000_c012_t003.tif", "A1_s1_z0_c0.npy", "montage.png"], "polystore"),
    // Two digits for the channel, which another reader could take for well C12.
    (&["A01_s1_z0_c12.tif"], "polystore"),
    (&["openhcs_metadata.json", "images/A01_s001_w1_z001_t001.tif"], "openhcs"),
    (&["p.companion.ome", "A01_s001.ome.tif"], "ome-tiff"),
    // OpenHCS writes its metadata into vendors' folders; the vendor's say more.
    (&["openhcs_metadata.json", "P.HTD", "TimePoint_1/P_A01_s1_w1.TIF"], "imagexpress"),
];

fn plates() -> impl Iterator<Item = (TestFolder, &'static str)> {
    let real = REAL.iter().map(|(folder, reader)| {
        let files = listing(folder);
        assert!(!files.is_empty(), "{folder}");
        (TestFolder::new(files.iter().map(String::as_str)), *reader)
    });
    let synthetic =
        SYNTHETIC.iter().map(|(files, reader)| (TestFolder::new(files.iter().copied()), *reader));
    real.chain(synthetic)
}

#[test]
fn each_plate_has_its_reader_and_no_file_is_opened_to_find_it() {
    for (folder, expected) in plates() {
        let found = detect(&folder.folder()).map(super::Microscope::name);
        assert_eq!(found, Some(expected), "{:?}", folder.folder().files());
        assert!(folder.opened().is_empty(), "{:?}", folder.opened());
    }
}

#[test]
fn readers_of_these_names_see_nothing_in_real_plates_of_others() {
    for name in ["scanr", "matrix-screener", "polystore", "openhcs"] {
        let reader = microscope(name).unwrap();
        for (folder, owner) in REAL {
            let files = listing(folder);
            let folder = TestFolder::new(files.iter().map(String::as_str));
            assert_eq!(reader.detect(&folder.folder()), Detection::No, "{name} of {owner}");
        }
    }
}

#[test]
fn a_folder_that_is_no_plate_is_nobodys() {
    for files in [
        &[][..],
        &["a.tif", "b.tif"],
        &["notes.txt", "results.csv"],
        &["image--1.tif", "A--B--C.tif"],
        &["W00001.tif", "well_A01.tif.bak"],
    ] {
        let folder = TestFolder::new(files.iter().copied());
        assert!(detect(&folder.folder()).is_none(), "{files:?}");
        assert!(read_plate(&folder.folder(), None).is_err());
    }
}

#[test]
fn every_reader_refuses_a_folder_without_its_images() {
    for reader in BUILT_IN {
        let error = TestFolder::new(["x.tif", "y.txt"]).read(*reader).unwrap_err();
        assert!(!error.to_string().is_empty(), "{}", reader.name());
        assert_eq!(error.kind(), crate::ErrorKind::NotFound, "{}: {error}", reader.name());
    }
}

#[test]
fn names_of_readers_are_distinct() {
    let mut names: Vec<_> = BUILT_IN.iter().map(|reader| reader.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), BUILT_IN.len());
    assert!(data("operetta").is_dir());
}

#[test]
fn a_folder_of_few_names_of_a_layout_is_told_which_that_is() {
    let ours = (1..=4).map(|site| format!("P_A01_s{site}_w1.TIF"));
    let names: Vec<String> = ours.chain((1..=6).map(|n| format!("snap {n}.tif"))).collect();
    let folder = TestFolder::new(names.iter().map(String::as_str));
    let error = read_plate(&folder.folder(), None).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("4 of 10 image files are named as `imagexpress` names"), "{hint}");
    assert!(hint.contains("snap 1.tif, snap 2.tif and 4 more"), "{hint}");
    assert!(hint.contains("`--microscope imagexpress`"), "{hint}");
    assert!(read_plate(&folder.folder(), Some("imagexpress")).is_ok());
    let none = TestFolder::new(["snap 1.tif"]);
    let error = read_plate(&none.folder(), None).unwrap_err();
    assert!(error.hint().unwrap().contains("polystore microscopes"), "{error}");
}

#[test]
fn copies_beside_a_plate_of_any_layout_are_passed_over() {
    for (folder, expected) in plates() {
        let files: Vec<String> = folder.folder().files().iter().map(str::to_owned).collect();
        let image = files.iter().rfind(|file| file.to_lowercase().ends_with(".tif"));
        let Some(image) = image.filter(|_| ["scanr", "polystore"].contains(&expected)) else {
            continue;
        };
        let copy = image.replace(".tif", " (1).tif");
        let stray = format!("sub/{}", image.rsplit('/').next().unwrap());
        let folder = TestFolder::new(files.iter().map(String::as_str).chain([&*copy, &*stray]));
        let plate = read_plate(&folder.folder(), Some(expected));
        if expected == "scanr" {
            // Neither `data` nor `sub` is above the other.
            assert!(plate.unwrap_err().to_string().contains("2 measurements"), "{copy}");
            continue;
        }
        let told = plate.unwrap().inventory.passed_over;
        let told: Vec<_> = told.files.into_iter().map(|file| (file.path, file.reason)).collect();
        assert!(told.contains(&(copy, PassedOverReason::Copy)), "{told:?}");
        assert!(told.iter().any(|(path, _)| *path == stray), "{told:?}");
    }
}
