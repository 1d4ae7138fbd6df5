//! Every reader, when the file that it asks first cannot be read.

use super::{
    Generic, PlateFolder,
    names::image_stem,
    read_plate, read_plate_with,
    testing::{TestFolder, data, info, listing},
};
use crate::model::{DeclaredPlate, PlaneState, Sizes};

/// Real plates with their metadata, and names of the other readers.
fn folders() -> Vec<(&'static str, TestFolder)> {
    let real = ["operetta/plate", "cellvoyager/plate", "imagexpress-mix/plate"];
    let mut folders: Vec<_> = real
        .into_iter()
        .map(|name| {
            let files = listing(name);
            let is_other = |file: &&String| image_stem(file).is_none();
            let read = |file: &String| std::fs::read(data(name).join(file)).unwrap();
            let folder = TestFolder::new(files.iter().map(String::as_str));
            let folder = files
                .iter()
                .filter(is_other)
                .fold(folder, |folder, file| folder.with(file, read(file)));
            (name, folder)
        })
        .collect();
    let matrix = |u: u32, c: u32| {
        format!(
            "image--L0000--S00--U{u:02}--V00--J08--E00--O00--X00--Y00--T0000--Z00--C{c:02}.ome.tif"
        )
    };
    let matrix: Vec<_> = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(u, c)| matrix(u, c)).into();
    folders.push(("matrix-screener", TestFolder::new(matrix.iter().map(String::as_str))));
    let scanr = [("A01--W00001", "x"), ("A01--W00001", "y"), ("A02--W00002", "x")];
    let scanr: Vec<_> = scanr
        .iter()
        .map(|(well, c)| format!("data/{well}--P00001--Z00000--T00000--{c}.tif"))
        .collect();
    folders.push(("scanr", TestFolder::new(scanr.iter().map(String::as_str))));
    let own = ["A01_s001_z000_c000.tif", "A01_s001_z000_c001.tif", "A02_s001_z000_c000.tif"];
    folders.push(("polystore", TestFolder::new(own)));
    let openhcs = ["images/A01_s001_w1_z001_t001.tif", "images/A02_s001_w1_z001_t001.tif"];
    let listed = r#"{"subdirectories": {"images": {"main": true, "image_files":
        ["A01_s001_w1_z001_t001.tif", "A02_s001_w1_z001_t001.tif"]}}}"#;
    folders.push(("openhcs", TestFolder::new(openhcs).with("openhcs_metadata.json", listed)));
    folders
}

/// The first image that was looked into.
fn first_opened(folder: &TestFolder) -> String {
    folder.opened().into_iter().find(|file| image_stem(file).is_some()).unwrap()
}

fn planes_in(plate: &DeclaredPlate, file: &str) -> u64 {
    let sources = plate.sources.images.iter().flat_map(|image| image.iter());
    let of_file = |number: u32| plate.sources.files.get(number as usize) == Some(file);
    sources.filter(|(_, source)| of_file(source.file)).count() as u64
}

fn check(name: &str, folder: TestFolder, read: impl Fn(&PlateFolder<'_>) -> DeclaredPlate) {
    let healthy = read(&folder.folder());
    let first = first_opened(&folder);
    let folder = folder.with_broken(&first);
    let found = read(&folder.folder());
    assert_eq!(found.structure, healthy.structure, "{name}");
    let (before, after) = (healthy.inventory.counts(), found.inventory.counts());
    let n_corrupt = planes_in(&healthy, &first);
    assert!(n_corrupt > 0, "{name}: {first}");
    assert_eq!((before.corrupt, after.corrupt), (0, n_corrupt), "{name}");
    assert_eq!((after.missing, after.declared()), (before.missing, before.declared()), "{name}");
    let notes = found.inventory.notes.join("\n");
    assert!(notes.contains("header not readable") && notes.contains(&first), "{name}: {notes}");
    // The source stays, so that reading the plane tells what is wrong.
    for (image, sources) in found.inventory.images.iter().zip(&found.sources.images) {
        for (index, _) in image.iter().filter(|(_, state)| *state == PlaneState::Corrupt) {
            assert!(sources.get(index).is_some(), "{name}");
        }
    }
}

#[test]
fn its_planes_are_corrupt_and_nothing_else_changes() {
    for (name, folder) in folders() {
        check(name, folder, |folder| read_plate(folder, None).unwrap());
    }
    let pattern =
        Generic::from_pattern(r"(?<well>[A-P]\d\d)_(?<field>\d)_(?<channel>\w)\.tif").unwrap();
    let folder = TestFolder::new(["A01_1_x.tif", "A01_1_y.tif", "A02_1_x.tif"]);
    check("pattern", folder, |folder| read_plate_with(folder, &pattern).unwrap());
}

#[test]
fn few_files_are_asked_however_many_are_damaged() {
    let names: Vec<String> = (0..10_000).map(|at| format!("A01_s001_z{at:05}_c000.tif")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let broken = |n: usize| {
        let folder = TestFolder::new(names.iter().copied());
        let folder = names[..n].iter().fold(folder, |folder, name| folder.with_broken(name));
        let found = folder.folder().describe_any(names.iter().copied());
        (found.ok().map(|(file, _)| file), folder.opened().len())
    };
    assert_eq!(broken(0), (Some(names[0]), 1));
    assert_eq!(broken(1), (Some(names[1]), 2));
    let (found, n_opened) = broken(4000);
    assert!(found.is_some() && n_opened < 24, "{n_opened}");
    let (found, n_opened) = broken(10_000);
    assert!(found.is_none() && n_opened < 24, "{n_opened}");
}

/// Positions of the sites are asked of each site's files, and channels of each wavelength's.
#[test]
fn a_plate_of_damaged_files_is_not_searched_again_for_each_site() {
    let name = |at: u32| {
        let well = crate::WellPosition::new(at / 45 / 24, at / 45 % 24);
        format!("P_{well}_s{}_w{}.TIF", at / 5 % 9 + 1, at % 5 + 1)
    };
    let names: Vec<String> = (0..96 * 45).map(name).collect();
    let folder = TestFolder::new(names.iter().map(String::as_str));
    let folder = names.iter().fold(folder, |folder, name| folder.with_broken(name));
    let found = read_plate(&folder.folder(), Some("imagexpress"));
    assert!(found.is_err() || found.unwrap().inventory.counts().corrupt > 0);
    // Each once since none can be read; one of each site and wavelength, three searches in vain.
    let n_opened = folder.opened().len() - names.len();
    assert!(n_opened < 9 + 5 + 3 * 24, "{n_opened}");
}

#[test]
fn sizes_are_those_of_files_that_can_be_read() {
    let folder = TestFolder::new(["A01_s001_z000_c000.tif", "A01_s001_z000_c001.tif"])
        .with_broken("A01_s001_z000_c000.tif")
        .with_info("A01_s001_z000_c001.tif", info(Sizes::new(1, 1, 1, 7, 9), ""));
    let plate = read_plate(&folder.folder(), None).unwrap();
    assert_eq!(plate.structure.wells[0].fields[0].sizes, Sizes::new(1, 2, 1, 7, 9));
}
