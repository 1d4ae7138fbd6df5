use super::*;
use crate::{
    ErrorKind,
    microscope::testing::{TestFolder, counts, images, plane},
    model::{PlaneState, Sizes},
};

fn name(label: &str, well: u32, position: u32, z: u32, channel: &str) -> String {
    format!("data/{label}--W{well:05}--P{position:05}--Z{z:05}--T00000--{channel}.tif")
}

fn folder(files: &[String]) -> TestFolder {
    TestFolder::new(files.iter().map(String::as_str))
}

#[test]
fn labelled_wells_with_stacks() {
    let mut files = Vec::new();
    for (label, well) in [("B2", 14), ("C05", 29)] {
        for position in [1, 2] {
            files.extend((0..3).map(|z| name(label, well, position, z, "DAPI")));
            files.push(name(label, well, position, 1, "Cy5"));
        }
    }
    files.retain(|file| !file.contains("C05--W00029--P00002--Z00001--T00000--DAPI"));
    let folder = folder(&files).with("experiment_descriptor.dat", "\0");
    assert_eq!(ScanR.detect(&folder.folder()), Detection::Metadata);
    let found = folder.read(&ScanR).unwrap();
    assert_eq!(images(&found), ["B02/0/0", "B02/0/1", "C05/0/0", "C05/0/1"]);
    let image = &found.structure.wells[0].fields[0];
    assert_eq!(image.sizes, Sizes::new(1, 2, 3, 4, 6));
    assert_eq!((image.channel_name(0), image.channel_name(1)), ("Cy5".into(), "DAPI".into()));
    assert_eq!(plane(&found, "C05", (0, 1), (0, 1, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&found, "B02", (0, 0), (0, 0, 0)), Err(PlaneState::AbsentByDesign));
    assert_eq!(plane(&found, "B02", (0, 0), (0, 0, 1)), Ok(name("B2", 14, 1, 1, "Cy5")));
    assert_eq!(counts(&found), (15, 8, 1));
    assert_eq!((found.structure.n_rows, found.structure.n_columns), (8, 12));
}

#[test]
fn a_missing_well_shifts_no_other() {
    // Readers that count the wells that are there put W00027 into the second well.
    for (numbers, expected, grid) in [
        ([1, 27], ["A01/0/0", "C03/0/0"], (8, 12)),
        ([1, 99], ["A01/0/0", "E03/0/0"], (16, 24)),
        ([1, 1536], ["A01/0/0", "AF48/0/0"], (32, 48)),
    ] {
        let files = numbers.map(|number| name("", number, 1, 0, "dapi"));
        let folder = folder(&files);
        assert_eq!(ScanR.detect(&folder.folder()), Detection::Names);
        let found = folder.read(&ScanR).unwrap();
        assert_eq!(images(&found), expected);
        assert_eq!((found.structure.n_rows, found.structure.n_columns), grid);
        assert!(found.inventory.notes[0].contains("only its number"));
    }
    let error = folder(&[name("", 1537, 1, 0, "dapi")]).read(&ScanR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_descriptor_places_wells_and_gives_sizes() {
    let text = "<LVData><Name>plate name</Name><Val>P7</Val>\
        <Name>conversion factor um/pixel</Name><Val>0.5</Val>\
        <Name>slices distance</Name><Val>2</Val>\
        <Name>well selection table + cDNA</Name><Val>3</Val><Val>H12</Val></LVData>";
    let folder = folder(&[name("", 3, 1, 0, "x")]).with("experiment_descriptor.xml", text);
    let found = folder.read(&ScanR).unwrap();
    assert_eq!(found.structure.name, "P7");
    assert_eq!(images(&found), ["H12/0/0"]);
    let size = found.structure.wells[0].fields[0].physical_size;
    assert_eq!((size.x_um, size.y_um, size.z_um), (Some(0.5), Some(0.5), Some(2.0)));
    assert!(found.inventory.notes.is_empty(), "{:?}", found.inventory.notes);
    let damaged = folder.with("experiment_descriptor.xml", "<LVData");
    let found = damaged.read(&ScanR).unwrap();
    assert_eq!(images(&found), ["A03/0/0"]);
    assert!(found.inventory.notes[0].contains("experiment_descriptor.xml"));
}

#[test]
fn ome_xml_without_a_plate_is_no_ome_tiff_plate() {
    let text = "<OME><Image ID='Image:0' Name='W1P1'><Pixels ID='Pixels:0' DimensionOrder='XYZCT' \
        Type='uint16' SizeX='6' SizeY='4' SizeZ='1' SizeC='1' SizeT='1' PhysicalSizeX='0.25' \
        PhysicalSizeY='0.25'><Channel ID='Channel:0:0'/></Pixels></Image></OME>";
    let folder = folder(&[name("A1", 1, 1, 0, "x")]).with("data/metadata.ome.xml", text);
    assert_eq!(ScanR.detect(&folder.folder()), Detection::Metadata);
    let found = crate::microscope::read_plate(&folder.folder(), None).unwrap();
    assert_eq!(found.structure.microscope, "scanr");
    assert_eq!(found.structure.wells[0].fields[0].physical_size.x_um, Some(0.25));
}

#[test]
fn two_acquisitions_are_not_mixed() {
    let files = ["a/data/W1--P1--Z0--T0--x.tif", "b/data/W1--P1--Z0--T0--x.tif"];
    let error = TestFolder::new(files).read(&ScanR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
