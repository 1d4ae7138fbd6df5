use super::*;
use crate::{
    ErrorKind,
    microscope::{
        read_plate_with,
        testing::{TestFolder, counts, images, plane},
    },
    model::{PassedOverReason, PlaneState, Sizes},
};

/// One plane of an index of version 5: row, column, field, plane, timepoint, channel.
fn image([row, column, field, z, t, c]: [u32; 6]) -> String {
    format!(
        "<Image Version=\"1\"><id>x</id><State>Ok</State><URL>{}</URL><Row>{row}</Row><Col>{column}</Col>\
         <FieldID>{field}</FieldID><PlaneID>{z}</PlaneID><TimepointID>{t}</TimepointID><ChannelID>{c}</ChannelID>\
         <ChannelName>name {c}</ChannelName><ImageResolutionX Unit=\"m\">6.5E-07</ImageResolutionX>\
         <ImageResolutionY Unit=\"m\">6.5E-07</ImageResolutionY><ImageSizeX>6</ImageSizeX><ImageSizeY>4</ImageSizeY>\
         <PositionX Unit=\"m\">{field}E-04</PositionX><PositionY Unit=\"m\">-1E-04</PositionY>\
         <PositionZ Unit=\"m\">{}E-06</PositionZ>\
         <MainExcitationWavelength Unit=\"nm\">475</MainExcitationWavelength>\
         <MainEmissionWavelength Unit=\"nm\">525</MainEmissionWavelength></Image>",
        file([row, column, field, z, t, c]),
        2 * z
    )
}

fn file([row, column, field, z, t, c]: [u32; 6]) -> String {
    format!("r{row:02}c{column:02}f{field:02}p{z:02}-ch{c}sk{}fk1fl1.tiff", t + 1)
}

fn index(namespace: &str, images: &[[u32; 6]]) -> String {
    let images: String = images.iter().map(|numbers| image(*numbers)).collect();
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EvaluationInputData Version=\"1\" xmlns=\"{namespace}\">\
         <User>u</User><Plates><Plate><PlateID>id-7</PlateID><MeasurementID>m</MeasurementID>\
         <MeasurementStartTime>2022-12-19T10:18:52.2439831+01:00</MeasurementStartTime><Name>plate 7</Name>\
         <PlateRows>16</PlateRows><PlateColumns>24</PlateColumns><Well id=\"0303\" /><Well id=\"1624\" /></Plate></Plates>\
         <Wells><Well><id>0303</id><Row>3</Row><Col>3</Col><Image id=\"x\" /></Well></Wells>\
         <Images>{images}</Images></EvaluationInputData>"
    )
}

const V5: &str = "http://www.perkinelmer.com/PEHH/HarmonyV5";

/// Two wells, fields 1 and 3, two channels (the second at the first plane only), two planes.
fn planes() -> Vec<[u32; 6]> {
    let mut planes = Vec::new();
    for column in [3, 4] {
        for field in [1, 3] {
            planes.extend([1, 2].map(|z| [3, column, field, z, 0, 1]));
            planes.push([3, column, field, 1, 0, 4]);
        }
    }
    planes
}

fn folder(index_path: &str, images: &str, text: &str) -> TestFolder {
    let files: Vec<String> =
        planes().into_iter().map(|plane| format!("{images}{}", file(plane))).collect();
    TestFolder::new(files.iter().map(String::as_str)).with(index_path, text.to_owned())
}

#[test]
fn an_index_declares_wherever_it_stands() {
    for (at, images_at) in [
        ("Images/Index.idx.xml", "Images/"),
        ("Index.xml", "Images/"),
        ("Index.ref.xml", ""),
        ("m/images/index.xml", "m/images/"),
    ] {
        for namespace in
            [V5, "http://www.perkinelmer.com/PEHH/HarmonyV4", "43B2A954-E3C3/HarmonyV7"]
        {
            let folder = folder(at, images_at, &index(namespace, &planes()));
            assert_eq!(Harmony.detect(&folder.folder()), Detection::Metadata);
            let plate = folder.read(&Harmony).unwrap();
            assert_eq!(images(&plate), ["C03/0/0", "C03/0/2", "C04/0/0", "C04/0/2"]);
            assert_eq!(counts(&plate), (12, 4, 0), "{at}");
            let file = plane(&plate, "C04", (0, 2), (0, 0, 1)).unwrap();
            assert_eq!(file, format!("{images_at}r03c04f03p02-ch1sk1fk1fl1.tiff"));
        }
    }
}

#[test]
fn the_header_is_read() {
    let plate = folder("Index.idx.xml", "", &index(V5, &planes())).read(&Harmony).unwrap();
    let structure = &plate.structure;
    assert_eq!((structure.n_rows, structure.n_columns), (16, 24));
    assert_eq!((structure.name.as_str(), structure.id.as_deref()), ("plate 7", Some("id-7")));
    assert_eq!(structure.acquisitions[0].start_s, Some(1_671_441_532));
    let image = &structure.wells[0].fields[1];
    assert_eq!(image.sizes, Sizes::new(1, 2, 2, 4, 6));
    assert_eq!(image.physical_size.x_um.map(|um| (um * 1e6).round()), Some(650_000.0));
    assert_eq!(image.physical_size.z_um.map(|um| (um * 1e6).round()), Some(2e6));
    assert_eq!((image.channel_name(1), image.channel_number(1)), ("name 4".to_owned(), 3));
    assert_eq!(image.channels[0].emission_nm, Some(525.0));
    assert_eq!(image.position.unwrap().x_um.round(), 300.0);
    assert_eq!(plate.inventory.notes, ["the index lists wells without images: P24"]);
}

#[test]
fn declared_planes_without_files_are_missing_and_shift_nothing() {
    let folder =
        folder("Index.xml", "", &index(V5, &planes())).without("c03f01").without("c04f03p01-ch1");
    let plate = folder.read(&Harmony).unwrap();
    assert_eq!(counts(&plate), (8, 4, 4));
    assert_eq!(plane(&plate, "C03", (0, 0), (0, 0, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "C03", (0, 2), (0, 0, 0)).unwrap(), file([3, 3, 3, 1, 0, 1]));
    assert_eq!(plane(&plate, "C04", (0, 2), (0, 0, 0)), Err(PlaneState::Missing));
}

#[test]
fn a_plate_of_which_no_file_is_there_has_the_sizes_of_its_index() {
    let plate =
        TestFolder::new([]).with("Index.idx.xml", index(V5, &planes())).read(&Harmony).unwrap();
    assert_eq!(counts(&plate), (0, 4, 12));
    assert_eq!(plate.structure.wells[0].fields[0].sizes, Sizes::new(1, 2, 2, 4, 6));
}

#[test]
fn files_that_the_index_does_not_name_and_lacking_fields_are_told() {
    let mut planes = planes();
    planes.retain(|plane| plane[1] != 4 || plane[2] != 3);
    // Another file for a plane that is there, and one in a folder that is not of images.
    let twin = file(planes[0]).replace(".tiff", "_flat.tiff");
    let folder = folder("Index.xml", "", &index(V5, &planes));
    let folder = folder.with(&twin, "").with("mine/r01c01f01p01-ch1sk1fk1fl1.tiff", "");
    let plate = read_plate_with(&folder.folder(), &Harmony).unwrap();
    assert_eq!(images(&plate), ["C03/0/0", "C03/0/2", "C04/0/0"]);
    let notes = plate.inventory.notes.join("\n");
    assert!(notes.contains("fewer than 2 fields for C04"), "{notes}");
    assert!(notes.contains(&format!("the index names other files: {twin}")), "{notes}");
    let left_out = plate.inventory.passed_over;
    assert_eq!(left_out.n, 3, "{left_out:?}");
    for file in left_out.files {
        assert_eq!(file.reason, PassedOverReason::NotInIndex);
        assert!(file.path.starts_with("r03c04f03"), "{file:?}");
    }
}

#[test]
fn a_well_that_cannot_be_is_told_with_its_index() {
    let text = index(V5, &planes()).replace("<Row>3</Row>", "<Row>99999999999</Row>");
    let error = folder("Index.xml", "", &text).read(&Harmony).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let told = error.to_string();
    assert!(told.contains("Index.xml") && told.contains("<Row>99999999999</Row>"), "{told}");
    // One of many: the others are read, and the plate is not complete.
    let text = index(V5, &planes());
    let (before, images) = text.split_once("<Images").unwrap();
    let text = format!("{before}<Images{}", images.replacen("<Row>3</Row>", "<Row>0</Row>", 1));
    let folder = folder("Index.xml", "", &text);
    let plate = read_plate_with(&folder.folder(), &Harmony).unwrap();
    let damaged = plate.inventory.passed_over.files;
    assert!(damaged.iter().any(|file| file.detail.contains("<Row>0</Row>")), "{damaged:?}");
}

#[test]
fn channels_described_in_maps_as_version_6_does() {
    let text = index(V5, &planes());
    let described = "<ImageResolutionX Unit=\"m\">6.5E-07</ImageResolutionX><ImageResolutionY Unit=\"m\">6.5E-07</ImageResolutionY>";
    let text = text.replace(described, "").replace("<ChannelName>name 1</ChannelName>", "").replace(
        "<Images>",
        "<Maps><Map><Entry ChannelID=\"1\"><ChannelName>Hoechst</ChannelName>\
         <ImageResolutionX Unit=\"m\">3E-07</ImageResolutionX></Entry></Map>\
         <Map><Entry ChannelID=\"1\"><FlatfieldProfile>{x}</FlatfieldProfile></Entry></Map></Maps><Images>",
    );
    let plate = folder("Index.xml", "", &text).read(&Harmony).unwrap();
    let image = &plate.structure.wells[0].fields[0];
    assert_eq!(image.channel_name(0), "Hoechst");
    assert_eq!(image.channel_name(1), "name 4");
    assert_eq!(image.physical_size.x_um.map(|um| (um * 1e6).round()), Some(300_000.0));
}

#[test]
fn names_alone_are_enough() {
    let folder = TestFolder::new([
        "r01c01f01p01-ch1sk1fk1fl1.tiff",
        "r01c01f02p01-ch1sk1fk1fl1.tiff",
        "r01c01f02p01-ch1sk2fk1fl1.tiff",
        "r02c01f02p01-ch1.tiff",
        "flatfield.tiff",
    ]);
    assert_eq!(Harmony.detect(&folder.folder()), Detection::Names);
    let plate = folder.read(&Harmony).unwrap();
    assert_eq!(images(&plate), ["A01/0/0", "A01/0/1", "B01/0/1"]);
    assert_eq!(counts(&plate), (4, 0, 2));
    assert!(
        plate
            .inventory
            .notes
            .contains(&"1 image file is not named as Harmony names them".to_owned())
    );
}

#[test]
fn a_fast_series_lies_within_the_slow_one() {
    let files: Vec<String> = [(1, 1), (1, 2), (2, 1), (2, 2)]
        .iter()
        .map(|(sk, fk)| format!("r01c01f01p01-ch1sk{sk}fk{fk}fl1.tiff"))
        .collect();
    let plate = TestFolder::new(files.iter().map(String::as_str)).read(&Harmony).unwrap();
    assert_eq!(counts(&plate), (4, 0, 0));
    assert_eq!(plane(&plate, "A01", (0, 0), (2, 0, 0)), Ok(files[2].clone()));
}

#[test]
fn several_measurements_are_not_mixed() {
    let text = index(V5, &planes());
    let folder =
        TestFolder::new([]).with("a/Index.xml", text.clone()).with("b/Images/Index.xml", text);
    let error = folder.read(&Harmony).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("2 measurements: `a`, `b`"), "{error}");
}

#[test]
fn damaged_and_hostile_indices_are_errors_that_name_the_file() {
    let good = index(V5, &planes());
    for (text, expected) in [
        (good[..good.len() / 2].to_owned(), "Index.idx.xml"),
        (good.replace("<User>u", "<User>&xxe;"), "`&xxe;`"),
        (
            format!(
                "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">{}",
                good.trim_start_matches('\u{feff}')
            ),
            "document type",
        ),
        ("<Other/>".to_owned(), "begins with <Other>"),
    ] {
        let error = folder("Index.idx.xml", "", &text).read(&Harmony).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn an_index_of_something_else_is_not_taken() {
    let folder = TestFolder::new(["P_A01_s1_w1.tif"]).with("Index.xml", "<a/>");
    assert_eq!(Harmony.detect(&folder.folder()), Detection::No);
}
