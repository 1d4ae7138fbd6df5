use super::*;
use crate::{
    ErrorKind, PlaneIndex,
    microscope::{
        read_plate,
        testing::{TestFolder, counts, images, info, plane},
    },
    model::{DeclaredPlate, PlaneState, Sizes},
};

fn read(files: &[&str]) -> DeclaredPlate {
    TestFolder::new(files.iter().copied()).read(&ImageXpress).unwrap()
}

/// An HTD of two wells in row B, `sites` x 1 sites, two wavelengths, `n_z` steps.
fn htd(sites: u32, n_z: u32, projection: bool) -> String {
    let row = |row: u32| {
        let cells = (1..=12)
            .map(|column| if row == 2 && (2..=3).contains(&column) { ", TRUE" } else { ", FALSE" });
        format!("\"WellsSelection{row}\"{}\r\n", cells.collect::<String>())
    };
    let wells: String = (1..=8).map(row).collect();
    format!(
        "\"HTSInfoFile\", Version 1.0\r\n\"TimePoints\", 1\r\n\"ZSeries\", {}\r\n\"ZSteps\", {n_z}\r\n\
         \"ZProjection\", {}\r\n\"XWells\", 12\r\n\"YWells\", 8\r\n{wells}\
         \"Sites\", TRUE\r\n\"XSites\", {sites}\r\n\"YSites\", 1\r\n\"Waves\", TRUE\r\n\"NWavelengths\", 2\r\n\
         \"WaveName1\", \"DAPI\"\r\n\"WaveName2\", \"Cy5\"\r\n\"UniquePlateIdentifier\", \"id-1\"\r\n\"EndFile\"\r\n",
        if n_z > 1 { "TRUE" } else { "FALSE" },
        if projection { "TRUE" } else { "FALSE" },
    )
}

#[test]
fn a_flat_plate_without_metadata() {
    let plate =
        read(&["P_A01_s1_w1.tif", "P_A01_s1_w4.tif", "P_A01_s3_w1.tif", "P_AF48_s1_w1.tif"]);
    assert_eq!(images(&plate), ["A01/0/0", "A01/0/2", "AF48/0/0"]);
    assert_eq!((plate.structure.n_rows, plate.structure.n_columns), (32, 48));
    assert_eq!(plate.structure.name, "P");
    // w4 is there for A01 only: missing from its second field, absent from the other well.
    assert_eq!(plane(&plate, "A01", (0, 2), (0, 1, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "AF48", (0, 0), (0, 1, 0)), Err(PlaneState::AbsentByDesign));
    let image = &plate.structure.wells[0].fields[0];
    assert_eq!(image.channel_name(1), "w4");
    assert_eq!(image.channel_number(1), 3);
    assert_eq!(image.physical_size.x_um, None);
}

#[test]
fn thumbnails_and_other_files_are_passed_over() {
    let plate = read(&["P_A01_s1_w1.tif", "P_A01_s1_w1_thumb.tif", "montage.tif", "notes.txt"]);
    assert_eq!(counts(&plate), (1, 0, 0));
    assert_eq!(plate.inventory.notes, ["1 image file without a well in the name: montage.tif"]);
}

#[test]
fn timepoints_and_z_steps_in_either_nesting() {
    for (t, z) in [("TimePoint_", "ZStep_"), ("timepoint-", "ZSTEP-")] {
        let mut files = Vec::new();
        for (n_t, n_z) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
            files.push(format!("{t}{n_t}/{z}{n_z}/P_B02_s1_w1.TIF"));
            files.push(format!("{z}{n_z}/{t}{n_t}/P_B02_s2_w1.TIF"));
        }
        files.retain(|file| !file.contains(&format!("{t}1/{z}4")));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let plate = read(&files);
        assert_eq!(plate.structure.wells[0].fields[1].sizes, Sizes::new(2, 1, 2, 4, 6));
        assert_eq!(counts(&plate), (7, 0, 1));
        assert_eq!(plane(&plate, "B02", (0, 0), (0, 0, 1)), Err(PlaneState::Missing));
        let file = plane(&plate, "B02", (0, 1), (1, 0, 0)).unwrap();
        assert_eq!(file, format!("{z}3/{t}2/P_B02_s2_w1.TIF"));
    }
}

#[test]
fn projections_beside_z_steps_are_an_acquisition() {
    let mut files = vec!["P_E07_s1_w1.tif", "P_E07_s1_w3.tif"];
    files.extend(["ZStep_1/P_E07_s1_w1.tif", "ZStep_2/P_E07_s1_w1.tif", "ZStep_1/P_E07_s1_w4.tif"]);
    let plate = read(&files);
    assert_eq!(images(&plate), ["E07/0/0", "E07/1/0"]);
    let sizes: Vec<_> = plate.structure.images().map(|(_, image)| image.sizes).collect();
    assert_eq!(sizes, [Sizes::new(1, 3, 2, 4, 6), Sizes::new(1, 3, 1, 4, 6)]);
    let names: Vec<_> = plate.structure.acquisitions.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["stack", "projection"]);
    assert_eq!(plane(&plate, "E07", (1, 0), (0, 1, 0)), Ok("P_E07_s1_w3.tif".to_owned()));
    assert_eq!(plane(&plate, "E07", (0, 0), (0, 2, 1)), Err(PlaneState::AbsentByDesign));
    assert_eq!(counts(&plate), (5, 4, 0));
    assert_eq!(
        plate.inventory.notes,
        [
            "acquisition 1 `stack` has no channel 3, by design",
            "acquisition 2 `projection` has no channel 4, by design"
        ]
    );
}

#[test]
fn step_zero_is_a_projection_only_where_something_says_so() {
    let files = ["ZStep_0/P_B02_w1.TIF", "ZStep_1/P_B02_w1.TIF", "ZStep_2/P_B02_w1.TIF"];
    assert_eq!(read(&files).structure.acquisitions.len(), 1);
    assert_eq!(counts(&read(&files)), (3, 0, 0));
    let text = "<MetaData><custom-prop id=\"Z Projection Method\" value=\"Maximum\"/></MetaData>";
    let projected = info(Sizes::new(1, 1, 1, 4, 6), text);
    let folder = TestFolder::new(files).with_info(files[0], projected);
    let plate = folder.read(&ImageXpress).unwrap();
    assert_eq!(images(&plate), ["B02/0/0", "B02/1/0"]);
    assert_eq!(plane(&plate, "B02", (1, 0), (0, 0, 0)), Ok(files[0].to_owned()));
}

#[test]
fn an_htd_declares_what_is_missing() {
    for name in ["P.HTD", "p.htd", "TimePoint_1/Other.Htd"] {
        let folder =
            TestFolder::new(["TimePoint_1/P_B02_s1_w1.TIF", "TimePoint_1/P_B02_s2_w2.TIF"])
                .with(name, htd(2, 1, false));
        assert_eq!(ImageXpress.detect(&folder.folder()), Detection::Metadata);
        let plate = folder.read(&ImageXpress).unwrap();
        assert_eq!(images(&plate), ["B02/0/0", "B02/0/1", "B03/0/0", "B03/0/1"]);
        assert_eq!(counts(&plate), (2, 0, 6));
        assert_eq!((plate.structure.n_rows, plate.structure.n_columns), (8, 12));
        assert_eq!(plate.structure.id.as_deref(), Some("id-1"));
        assert_eq!(plate.structure.wells[0].fields[0].channel_name(1), "Cy5");
        assert!(plate.inventory.notes[0].ends_with("no file: B03"), "{:?}", plate.inventory.notes);
    }
}

#[test]
fn an_htd_in_utf16_or_latin1() {
    let text = htd(1, 1, false).replace("DAPI", "µ");
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for content in [utf16, latin1] {
        let folder = TestFolder::new(["P_B02_s1_w1.TIF"]).with("P.HTD", content);
        let plate = folder.read(&ImageXpress).unwrap();
        assert_eq!(plate.structure.wells[0].fields[0].channel_name(0), "µ");
    }
}

#[test]
fn with_an_htd_ragged_z_is_by_design_and_holes_are_missing() {
    let files = [
        "ZStep_1/P_B02_s1_w1.TIF",
        "ZStep_3/P_B02_s1_w1.TIF",
        "ZStep_1/P_B02_s1_w2.TIF",
        "ZStep_0/P_B02_s1_w2.TIF",
    ];
    let folder = TestFolder::new(files).with("P.HTD", htd(1, 3, true));
    let plate = folder.read(&ImageXpress).unwrap();
    assert_eq!(images(&plate), ["B02/0/0", "B02/1/0", "B03/0/0", "B03/1/0"]);
    assert_eq!(plane(&plate, "B02", (0, 0), (0, 0, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "B02", (0, 0), (0, 1, 1)), Err(PlaneState::AbsentByDesign));
    assert_eq!(plane(&plate, "B03", (0, 0), (0, 1, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "B02", (1, 0), (0, 1, 0)), Ok("ZStep_0/P_B02_s1_w2.TIF".to_owned()));
    assert_eq!(plane(&plate, "B03", (1, 0), (0, 1, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "B02", (1, 0), (0, 0, 0)), Err(PlaneState::AbsentByDesign));
}

#[test]
fn a_damaged_htd_is_told_and_names_are_used() {
    let folder = TestFolder::new(["P_B02_s1_w1.TIF"]).with("P.HTD", "\"Other\", 1");
    let plate = read_plate(&folder.folder(), None).unwrap();
    assert_eq!(counts(&plate), (1, 0, 0));
    assert!(plate.inventory.notes[0].contains("taken from the file names"));
    let passed_over = &plate.inventory.passed_over;
    assert_eq!((passed_over.n, &*passed_over.files[0].path), (1, "P.HTD"));
    assert!(passed_over.files[0].why().contains("does not begin"), "{passed_over:?}");
    assert!(!plate.inventory.is_complete());
    // The copy in a folder of the export is read instead; the damage is told all the same.
    let folder = folder.with("TimePoint_1/P.HTD", htd(2, 1, false));
    let plate = read_plate(&folder.folder(), None).unwrap();
    assert_eq!((counts(&plate), plate.inventory.passed_over.n), ((1, 0, 7), 1));
}

#[test]
fn an_htd_that_declares_without_end_is_refused() {
    let text = htd(1000, 1, false).replace("\"TimePoints\", 1", "\"TimePoints\", 999999");
    let folder = TestFolder::new(["P_B02_s1_w1.TIF"]).with("P.HTD", text);
    assert_eq!(folder.read(&ImageXpress).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn headers_give_what_names_do_not() {
    let description = |name: &str, offset: f64| {
        format!(
            "<MetaData><PlaneInfo><prop id=\"spatial-calibration-x\" value=\"0.645\"/>\
             <prop id=\"spatial-calibration-y\" value=\"0.645\"/>\
             <prop id=\"spatial-calibration-units\" value=\"um\"/>\
             <prop id=\"wavelength\" value=\"447\"/><prop id=\"_IllumSetting_\" value=\"{name}\"/>\
             <prop id=\"z-position\" value=\"{offset}\"/>\
             <prop id=\"OffsetFromWellCenterUmX\" value=\"{offset}\"/>\
             <prop id=\"OffsetFromWellCenterUmY\" value=\"1\"/></PlaneInfo></MetaData>"
        )
    };
    let sizes = Sizes::new(1, 1, 1, 4, 6);
    let mut folder = TestFolder::new([]);
    for (site, z, offset) in [(1, 1, 10.0), (1, 3, 14.0), (2, 1, 30.0)] {
        let file = format!("ZStep_{z}/P_B02_s{site}_w2.tif");
        folder = folder.with(&file, "").with_info(&file, info(sizes, &description("DAPI", offset)));
    }
    let folder = folder.with("ZStep_1/P_C05_s2_w2.tif", "");
    let plate = folder.read(&ImageXpress).unwrap();
    let image = plate.structure.well("C05".parse().unwrap()).unwrap().field(0, 1).unwrap();
    assert_eq!(image.physical_size.x_um, Some(0.645));
    assert_eq!(image.physical_size.z_um, Some(2.0));
    assert_eq!(image.channels[0].emission_nm, Some(447.0));
    assert_eq!((image.channel_name(0), image.channel_number(0)), ("DAPI".to_owned(), 1));
    assert_eq!(image.position.unwrap().x_um, 30.0);
}

/// Two wells of two sites, a stack of three sections, with what MetaXpress writes.
fn with_headers() -> TestFolder {
    let description = |name: &str, site: u32, z: u32| {
        let (z, offset) = (10.0 + 2.5 * f64::from(z), 100 * site);
        format!(
            "<MetaData><PlaneInfo><prop id=\"spatial-calibration-x\" value=\"0.5\"/>\
             <prop id=\"spatial-calibration-y\" value=\"0.5\"/>\
             <prop id=\"spatial-calibration-units\" value=\"um\"/>\
             <prop id=\"wavelength\" value=\"447\"/><prop id=\"_IllumSetting_\" value=\"{name}\"/>\
             <prop id=\"z-position\" value=\"{z}\"/>\
             <prop id=\"OffsetFromWellCenterUmX\" value=\"{offset}\"/>\
             <prop id=\"OffsetFromWellCenterUmY\" value=\"1\"/></PlaneInfo></MetaData>"
        )
    };
    let mut folder = TestFolder::new([]);
    let sites = ["B02", "C03"].into_iter().flat_map(|well| [(well, 1), (well, 2)]);
    for (well, site, wave) in sites.flat_map(|(well, site)| [(well, site, 1), (well, site, 2)]) {
        for z in 1..=3 {
            let file = format!("ZStep_{z}/P_{well}_s{site}_w{wave}.tif");
            let text = description(["DAPI", "GFP"][wave - 1], site, z);
            let info = info(Sizes::new(1, 1, 1, 4, 6), &text);
            folder = folder.with(&file, "").with_info(&file, info);
        }
    }
    folder
}

#[test]
fn what_the_first_file_cannot_tell_others_do() {
    let healthy = read_plate(&with_headers().folder(), None).unwrap();
    let image = &healthy.structure.wells[0].fields[0];
    assert_eq!((image.channel_name(0), image.channel_name(1)), ("DAPI".into(), "GFP".into()));
    assert_eq!((image.physical_size.z_um, image.position.unwrap().x_um), (Some(2.5), 100.0));
    let files = with_headers();
    let names: Vec<&str> = files.folder().files().iter().collect();
    // One file of each kind that is asked; then all of the first well, all of one section.
    for part in ["ZStep_1/P_B02_s1_w1", "ZStep_3/P_B02_s1_w1", "_w2", "P_B02", "ZStep_1/P_B02"] {
        let is_hit = |name: &&&str| name.contains(part) && (part != "_w2" || name.contains("B02"));
        let broken: Vec<&&str> = names.iter().filter(is_hit).collect();
        let folder = broken.iter().fold(with_headers(), |folder, name| folder.with_broken(name));
        let plate = read_plate(&folder.folder(), None).unwrap();
        assert_eq!(plate.structure, healthy.structure, "{part}");
        let counts = plate.inventory.counts();
        assert!((1..=broken.len() as u64).contains(&counts.corrupt), "{part}: {counts:?}");
        assert_eq!((counts.declared(), counts.missing), (24, 0), "{part}");
    }
}

#[test]
fn healthy_plates_are_asked_no_more_than_the_first_files() {
    let folder = with_headers();
    read_plate(&folder.folder(), None).unwrap();
    let mut opened = folder.opened();
    opened.sort();
    opened.dedup();
    let expected = [
        "ZStep_1/P_B02_s1_w1.tif",
        "ZStep_1/P_B02_s1_w2.tif",
        "ZStep_1/P_B02_s2_w1.tif",
        "ZStep_3/P_B02_s1_w1.tif",
    ];
    assert_eq!(opened, expected);
}

#[test]
fn a_projection_is_known_when_the_first_file_cannot_be_read() {
    let projected = "<MetaData><PlaneInfo><prop id=\"_IllumSetting_\" value=\"DAPI\"/>\
        <prop id=\"Z Projection Method\" value=\"Maximum\"/></PlaneInfo></MetaData>";
    let sizes = Sizes::new(1, 1, 1, 4, 6);
    let section = projected.replace("Z Projection Method", "camera-binning-x");
    let mut folder = TestFolder::new([]);
    for (z, site) in [(0, 1), (0, 2), (1, 1), (2, 1)] {
        let file = format!("ZStep_{z}/P_B02_s{site}_w1.tif");
        let text = if z == 0 { projected } else { &section };
        folder = folder.with(&file, "").with_info(&file, info(sizes, text));
    }
    let healthy = read_plate(&folder.folder(), None).unwrap();
    let plate = read_plate(&folder.with_broken("ZStep_0/P_B02_s1_w1.tif").folder(), None).unwrap();
    assert_eq!(plate.structure, healthy.structure);
    assert_eq!(healthy.structure.acquisitions.len(), 2);
    assert_eq!(plate.inventory.counts().corrupt, 1);
}

#[test]
fn a_timepoint_opened_itself_is_the_timepoint_of_its_number() {
    let folder = TestFolder::new(["P_B02_s1_w1.TIF"])
        .named("TimePoint_3")
        .with("P.HTD", htd(1, 1, false).replace("\"TimePoints\", 1", "\"TimePoints\", 5"));
    let plate = folder.read(&ImageXpress).unwrap();
    assert_eq!(plate.structure.wells[0].fields[0].sizes.t, 1);
    assert_eq!(counts(&plate), (1, 0, 3));
}

#[test]
fn planes_are_found_by_the_names_of_the_scheme() {
    let plate = read(&["P_B02_s1_w2.TIF", "P_B02_s1_w4.TIF"]);
    let image = &plate.structure.wells[0].fields[0];
    let name = plate.structure.plane_name("B02".parse().unwrap(), image, PlaneIndex::new(0, 1, 0));
    assert_eq!(IMAGEXPRESS_NAMING.generate(&name, "TIF").unwrap(), "B02_s1_w4_z1.TIF");
    assert_eq!(plate.structure.naming_scheme().unwrap().name(), "imagexpress");
}

#[test]
fn a_folder_is_recognised_by_its_names() {
    let folder = TestFolder::new(["a/P_A01_s1_w1.tif", "a/P_A02_s1_w1.tif", "a/x.tif"]);
    let plate = read_plate(&folder.folder(), None).unwrap();
    assert_eq!(plate.structure.microscope, "imagexpress");
    let folder = TestFolder::new(["x.tif", "y.tif"]);
    assert!(read_plate(&folder.folder(), None).is_err());
}
