//! Plates of real files through [`FileManager::open_plate`]: layouts without a real plate in
//! the repository, and those that users describe.

use std::{fs, path::Path};

use polystore::{
    ErrorKind, FileManager, MemoryBackend, OpenOptions, Plane, PlaneIndex, Plate, Result,
    WellPosition,
    disk::encode_plane,
    model::{InventoryCounts, PlaneState},
    ndarray::Array2,
};

/// A plane of which every pixel is `value`.
fn plane(value: u16) -> Plane {
    Plane::from_array(Array2::from_elem((5, 7), value))
}

fn write(folder: &Path, name: &str, plane: &Plane) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, encode_plane(plane, name).unwrap()).unwrap();
}

/// A folder with these files; all pixels of each have its number.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in (1..).zip(files) {
        write(folder.path(), name, &plane(number));
    }
    folder
}

fn open(folder: &Path, options: &OpenOptions) -> Result<Plate> {
    let options = OpenOptions { structure_cache: false, ..options.clone() };
    FileManager::new().open_plate_with(folder.to_str().unwrap(), &options)
}

fn recognised(folder: &Path) -> Plate {
    open(folder, &OpenOptions::default()).unwrap()
}

/// The first pixel of the plane, or why there is none.
fn pixel(plate: &Plate, well: &str, field: u32, index: (u32, u32, u32)) -> Result<u16> {
    let well: WellPosition = well.parse().unwrap();
    let image = plate.structure().well(well).unwrap().field(0, field).unwrap();
    let plane = plate.read(image, PlaneIndex::new(index.0, index.1, index.2))?;
    Ok(plane.as_array::<u16>()?[[4, 6]])
}

fn counts(plate: &Plate) -> InventoryCounts {
    plate.inventory().unwrap().counts()
}

#[test]
fn scanr() {
    let folder = folder(&[
        "data/C05--W00029--P00001--Z00000--T00000--DAPI.tif",
        "data/C05--W00029--P00001--Z00001--T00000--DAPI.tif",
        "data/C05--W00029--P00002--Z00000--T00000--DAPI.tif",
        "data/C05--W00029--P00001--Z00000--T00000--Cy5.tif",
        "data/C05--W00029--P00002--Z00000--T00000--Cy5.tif",
    ]);
    fs::write(folder.path().join("experiment_descriptor.dat"), [0xFF, 0x00]).unwrap();
    let plate = recognised(folder.path());
    assert_eq!(plate.structure().microscope, "scanr");
    assert_eq!(pixel(&plate, "C05", 0, (0, 1, 1)).unwrap(), 2);
    assert_eq!(pixel(&plate, "C05", 1, (0, 0, 0)).unwrap(), 5);
    let error = pixel(&plate, "C05", 1, (0, 1, 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingPlane);
    assert_eq!((counts(&plate).present, counts(&plate).missing), (5, 1));
}

#[test]
fn matrix_screener() {
    let name = |u, x, c| {
        format!(
            "slide--S00/chamber--U{u:02}--V01/field--X{x:02}--Y00/\
             image--L0000--S00--U{u:02}--V01--J08--E00--O00--X{x:02}--Y00--T0000--Z00--C{c:02}.ome.tif"
        )
    };
    let files = [name(0, 0, 0), name(0, 1, 0), name(0, 1, 1), name(3, 0, 0), name(3, 1, 0)];
    let folder = folder(&files.each_ref().map(String::as_str));
    let plate = recognised(folder.path());
    assert_eq!(plate.structure().microscope, "matrix-screener");
    assert_eq!(pixel(&plate, "B01", 1, (0, 1, 0)).unwrap(), 3);
    assert_eq!(pixel(&plate, "B04", 1, (0, 0, 0)).unwrap(), 5);
    let counts = counts(&plate);
    assert_eq!((counts.present, counts.missing, counts.absent_by_design), (5, 1, 2));
}

#[test]
fn openhcs() {
    let folder = folder(&["images/A01_s001_w1_z001_t001.tif", "images/A01_s002_w1_z001_t001.tif"]);
    let text = r#"{"subdirectories": {"images": {"main": true, "pixel_size": 0.65, "image_files": [
        "images/A01_s001_w1_z001_t001.tif", "images/A01_s002_w1_z001_t001.tif", "images/A01_s003_w1_z001_t001.tif"]}}}"#;
    fs::write(folder.path().join("openhcs_metadata.json"), text).unwrap();
    let plate = recognised(folder.path());
    assert_eq!(plate.structure().microscope, "openhcs");
    assert_eq!(pixel(&plate, "A01", 1, (0, 0, 0)).unwrap(), 2);
    assert_eq!(counts(&plate).missing, 1);
    let at = folder.path().join("A01/A01_s002_w1_z001_t001.tif");
    let read = FileManager::new().read_plane(at.to_str().unwrap()).unwrap();
    assert_eq!(read, plane(2));
}

#[test]
fn own_names_are_read_and_stay_writable() {
    let folder = folder(&["B02_s001_z000_c000.tif", "B02_s001_z000_c001.tif"]);
    let plate = recognised(folder.path());
    assert_eq!(plate.structure().microscope, "polystore");
    assert_eq!(pixel(&plate, "B02", 0, (0, 1, 0)).unwrap(), 2);
    let files = FileManager::new();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert!(files.read_plane(&at("B02_s001_z001_c000.tif")).is_err());
    files.write_plane(&at("B02_s001_z001_c000.tif"), plane(3)).unwrap();
    assert_eq!(files.read_plane(&at("B02_s001_z001_c000.tif")).unwrap(), plane(3));
    assert_eq!(counts(&recognised(folder.path())).present, 3);
}

#[test]
fn a_pattern_for_one_opening() {
    let folder =
        folder(&["well_B02-1-nuclei.tif", "well_B02-2-nuclei.tif", "well_B03-1-nuclei.tif"]);
    let pattern = r"well_(?<well>\w+)-(?<field>\d)-(?<channel>\w+)\.tif";
    let options = OpenOptions { pattern: Some(pattern.to_owned()), ..OpenOptions::default() };
    let plate = open(folder.path(), &options).unwrap();
    assert_eq!(pixel(&plate, "B02", 1, (0, 0, 0)).unwrap(), 2);
    assert_eq!(plate.structure().wells[0].fields[0].channel_name(0), "nuclei");
    // The spec opens it elsewhere in the same way.
    let again = polystore::open_spec(&plate.backend().spec()).unwrap();
    assert_eq!(again.plate(plate.path()).unwrap(), *plate.structure());
    // The same folder without the pattern is no plate.
    assert!(open(folder.path(), &OpenOptions::default()).is_err());
    let both = OpenOptions { microscope: Some("scanr".to_owned()), ..options.clone() };
    assert_eq!(open(folder.path(), &both).unwrap_err().kind(), ErrorKind::InvalidInput);
    // Where there are no files, a description of them is a mistake.
    let files = FileManager::new();
    files.mount("/m", std::sync::Arc::new(MemoryBackend::new())).unwrap();
    let error = files.open_plate_with("/m/plate", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[test]
fn a_csv_for_one_opening_and_the_cache_follows_its_content() {
    let folder = folder(&["img/1.tif", "img/2.tif"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let csv = elsewhere.path().join("files.csv");
    let options = OpenOptions {
        csv: Some(csv.clone()),
        settings: [("cache".to_owned(), elsewhere.path().display().to_string())].into(),
        ..OpenOptions::default()
    };
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    for path in ["img/1.tif", "img/2.tif", "img", ""] {
        fs::File::open(folder.path().join(path)).unwrap().set_modified(old).unwrap();
    }
    let open = || FileManager::new().open_plate_with(folder.path().to_str().unwrap(), &options);
    let cached = || {
        let entries = fs::read_dir(elsewhere.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "bin").count()
    };
    fs::write(&csv, "file,well\nimg/1.tif,A01\nimg/2.tif,A02\n").unwrap();
    assert_eq!(pixel(&open().unwrap(), "A02", 0, (0, 0, 0)).unwrap(), 2);
    assert_eq!(cached(), 1);
    assert_eq!(pixel(&open().unwrap(), "A02", 0, (0, 0, 0)).unwrap(), 2);
    assert_eq!(cached(), 1);
    // Of the same length and maybe the same time: the content counts.
    fs::write(&csv, "file,well\nimg/2.tif,A01\nimg/1.tif,A02\n").unwrap();
    assert_eq!(pixel(&open().unwrap(), "A02", 0, (0, 0, 0)).unwrap(), 1);
    assert_eq!(cached(), 2);
    fs::write(&csv, "file,well\nimg/2.tif,A01\n../1.tif,A02\n").unwrap();
    let error = open().unwrap_err();
    assert!(error.to_string().contains("files.csv") && error.to_string().contains("line 3"));
}

#[test]
fn other_sizes_and_types_damage_and_odd_names_are_told() {
    use std::os::unix::ffi::OsStringExt;
    let folder = folder(&["A01--W00001--P00001--Z00000--T00000--a.tif"]);
    let name = |position| format!("A01--W00001--P{position:05}--Z00000--T00000--a.tif");
    write(folder.path(), &name(2), &Plane::from_array(Array2::from_elem((9, 7), 1u16)));
    write(folder.path(), &name(3), &Plane::from_array(Array2::from_elem((5, 7), 1.0f32)));
    fs::write(folder.path().join(name(4)), "II").unwrap();
    let odd = std::ffi::OsString::from_vec(b"A02--W00002--P00001--Z00000--T00000--\xff.tif".into());
    fs::write(folder.path().join(odd), "").unwrap();
    let plate = recognised(folder.path());
    assert_eq!(pixel(&plate, "A01", 0, (0, 0, 0)).unwrap(), 1);
    for (field, expected) in [(1, "9"), (2, "float32"), (3, "not a TIFF")] {
        let error = pixel(&plate, "A01", field, (0, 0, 0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(error.chain().contains(expected), "{}", error.chain());
        assert!(error.chain().contains(&name(field + 1)), "{}", error.chain());
    }
    let inventory = plate.inventory().unwrap();
    let reason = inventory.passed_over.files[0].reason;
    assert_eq!(reason, polystore::model::PassedOverReason::NameNotUtf8);
    assert!(!inventory.is_complete() && inventory.passed_over.n == 1);
    // A file that goes away after the plate was opened is missing, not made up.
    fs::remove_file(folder.path().join(name(1))).unwrap();
    let error = pixel(&plate, "A01", 0, (0, 0, 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingPlane);
    let states = &plate.inventory().unwrap();
    assert_eq!(states.state(0, PlaneIndex::default()), PlaneState::Present);
}
