use super::*;
use crate::{
    ErrorKind, WellPosition,
    microscope::testing::{TestFolder, counts, images, plane},
    model::{PlaneState, Sizes},
};

const BTS: &str = "xmlns:bts=\"http://www.yokogawa.co.jp/BTS/BTSSchema/1.0\"";

/// One image record: row, column, field, z, timepoint, timeline, action, channel.
fn record([row, column, field, z, t, timeline, action, channel]: [u32; 8], more: &str) -> String {
    format!(
        "<bts:MeasurementRecord bts:Type=\"IMG\" bts:Column=\"{column}\" bts:Row=\"{row}\" bts:TimePoint=\"{t}\" \
         bts:FieldIndex=\"{field}\" bts:ZIndex=\"{z}\" bts:TimelineIndex=\"{timeline}\" bts:ActionIndex=\"{action}\" \
         bts:X=\"{field}.5\" bts:Y=\"-1\" bts:Z=\"{}\" bts:Ch=\"{channel}\"{more}>{}</bts:MeasurementRecord>\n",
        3 * z,
        file([row, column, field, z, t, timeline, action, channel])
    )
}

fn file([row, column, field, z, t, timeline, action, channel]: [u32; 8]) -> String {
    let well = WellPosition::new(row - 1, column - 1);
    format!("P_{well}_T{t:04}F{field:03}L{timeline:02}A{action:02}Z{z:02}C{channel:02}.tif")
}

fn error(row: u32, column: u32, more: &str) -> String {
    format!(
        "<bts:MeasurementRecord bts:Type=\"ERR\" bts:Column=\"{column}\" bts:Row=\"{row}\" {more}>focus</bts:MeasurementRecord>"
    )
}

/// The folder of a measurement: `records`, and the files of those that name one.
fn folder(records: &str) -> TestFolder {
    let text = format!(
        "<?xml version=\"1.0\"?>\n<bts:MeasurementData {BTS}>\n{records}</bts:MeasurementData>"
    );
    let names: Vec<String> = Record::parse_all(&text, "m")
        .unwrap()
        .iter()
        .map(|record| record.text.to_string())
        .collect();
    let images = names.iter().map(String::as_str).filter(|name| name.ends_with(".tif"));
    TestFolder::new(images.collect::<Vec<_>>()).with("MeasurementData.mlf", text)
}

/// Wells A01, A02 and A04, two fields, channel 1 at two z, channel 3 at one.
fn records() -> String {
    let mut text = String::new();
    for column in [1, 2, 4] {
        for field in [1, 2] {
            for z in [1, 2] {
                text.push_str(&record([1, column, field, z, 1, 1, 1, 1], ""));
            }
            text.push_str(&record([1, column, field, 1, 1, 1, 2, 3], ""));
        }
    }
    text
}

#[test]
fn records_declare_and_missing_wells_shift_nothing() {
    let folder = folder(&records()).without("P_A02").without("A04_T0001F001L01A01Z02");
    assert_eq!(CellVoyager.detect(&folder.folder()), Detection::Metadata);
    let plate = folder.read(&CellVoyager).unwrap();
    assert_eq!(images(&plate), ["A01/0/0", "A01/0/1", "A02/0/0", "A02/0/1", "A04/0/0", "A04/0/1"]);
    assert_eq!(counts(&plate), (11, 6, 7));
    assert_eq!(plane(&plate, "A02", (0, 0), (0, 0, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "A04", (0, 0), (0, 0, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "A04", (0, 1), (0, 0, 1)).unwrap(), file([1, 4, 2, 2, 1, 1, 1, 1]));
    assert_eq!(plane(&plate, "A04", (0, 1), (0, 1, 1)), Err(PlaneState::AbsentByDesign));
    let image = &plate.structure.wells[0].fields[1];
    assert_eq!(image.sizes, Sizes::new(1, 2, 2, 4, 6));
    assert_eq!((image.channel_name(1), image.channel_number(1)), ("C3".to_owned(), 2));
    assert_eq!(image.physical_size.z_um, Some(3.0));
    assert_eq!(image.position.unwrap().x_um, 2.5);
}

#[test]
fn errors_declare_what_they_stand_for() {
    let one = "bts:TimePoint=\"1\" bts:TimelineIndex=\"1\" bts:ActionIndex=\"1\"";
    let text = records() + &error(3, 5, one) + &error(1, 1, "bts:FieldIndex=\"1\"");
    let plate = folder(&text).read(&CellVoyager).unwrap();
    assert_eq!(plane(&plate, "C05", (0, 1), (0, 0, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "C05", (0, 1), (0, 1, 0)), Err(PlaneState::AbsentByDesign));
    assert_eq!(counts(&plate), (18, 10, 4));
    assert!(
        plate
            .inventory
            .notes
            .iter()
            .any(|note| note.contains("2 errors were recorded: A01 (focus), C05 (focus)")),
        "{:?}",
        plate.inventory.notes
    );
}

#[test]
fn timelines_and_projections_are_acquisitions() {
    let mut text = String::new();
    for (timeline, t) in [(1, 1), (2, 2), (1, 3), (2, 4)] {
        text.push_str(&record([1, 1, 1, 1, t, timeline, 1, 1], ""));
    }
    text.push_str(&record([1, 1, 1, 1, 1, 1, 1, 2], " bts:ZImageProcessing=\"Maximum\""));
    let mes = format!(
        "<bts:MeasurementSetting {BTS}><bts:Timelapse><bts:Timeline bts:Name=\"fast\"/><bts:Timeline bts:Name=\"slow\"/></bts:Timelapse></bts:MeasurementSetting>"
    );
    let plate = folder(&text).with("x.mes", mes).read(&CellVoyager).unwrap();
    let names: Vec<_> = plate.structure.acquisitions.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["fast", "fast projection", "slow"]);
    assert_eq!(images(&plate), ["A01/0/0", "A01/1/0", "A01/2/0"]);
    assert_eq!(plate.structure.wells[0].fields[2].sizes.t, 2);
    assert_eq!(plane(&plate, "A01", (2, 0), (1, 0, 0)).unwrap(), file([1, 1, 1, 1, 4, 2, 1, 1]));
    assert_eq!(counts(&plate).2, 0);
}

#[test]
fn a_channel_that_two_actions_image_is_two_channels() {
    let text = record([1, 1, 1, 1, 1, 1, 1, 1], "") + &record([1, 1, 1, 1, 1, 1, 2, 1], "");
    let plate = folder(&text).read(&CellVoyager).unwrap();
    assert_eq!(counts(&plate), (2, 0, 0));
    let image = &plate.structure.wells[0].fields[0];
    assert_eq!(image.channel_name(1), "C1, action 2");
    assert_eq!(plane(&plate, "A01", (0, 0), (0, 1, 0)).unwrap(), file([1, 1, 1, 1, 1, 1, 2, 1]));
}

#[test]
fn the_setup_is_read_and_damage_in_it_is_told() {
    let mrf = format!(
        "<bts:MeasurementDetail bts:Title=\"t\" bts:BeginTime=\"2023-09-18T13:58:39+02:00\" bts:RowCount=\"16\" bts:ColumnCount=\"24\" \
         bts:MeasurementSettingFileName=\"b.mes\" {BTS}><bts:MeasurementSamplePlate bts:Name=\"plate\"/>\
         <bts:MeasurementChannel bts:Ch=\"1\" bts:HorizontalPixelDimension=\"0.325\" bts:VerticalPixelDimension=\"0.326\"/></bts:MeasurementDetail>"
    );
    let mes = |name: &str| {
        format!(
            "<bts:MeasurementSetting {BTS}><bts:TargetWell bts:Column=\"1\" bts:Row=\"1\">true</bts:TargetWell>\
         <bts:TargetWell bts:Column=\"9\" bts:Row=\"2\">true</bts:TargetWell><bts:TargetWell bts:Column=\"9\" bts:Row=\"3\">false</bts:TargetWell>\
         <bts:LightSource bts:Name=\"l\" bts:WaveLength=\"405\"/><bts:ChannelList>\
         <bts:Channel bts:Ch=\"1\" bts:Target=\"{name}\" bts:Acquisition=\"BP445/45\" bts:Color=\"#FF002FFF\" bts:Fluorophore=\"\">\
         <bts:LightSourceName>l</bts:LightSourceName></bts:Channel></bts:ChannelList></bts:MeasurementSetting>"
        )
    };
    let folder = folder(&records())
        .with("MeasurementDetail.mrf", mrf)
        .with("a.mes", mes("wrong"))
        .with("b.mes", mes("DNA"));
    let plate = folder.read(&CellVoyager).unwrap();
    assert_eq!((plate.structure.n_rows, plate.structure.n_columns), (16, 24));
    assert_eq!(plate.structure.name, "plate");
    assert_eq!(plate.structure.acquisitions[0].start_s, Some(1_695_038_319));
    let image = &plate.structure.wells[0].fields[0];
    let dna = &image.channels[0];
    assert_eq!((&*dna.name, dna.excitation_nm, dna.emission_nm), ("DNA", Some(405.0), Some(445.0)));
    assert_eq!(dna.color.unwrap().to_hex(), "002FFF");
    assert_eq!((image.physical_size.x_um, image.physical_size.y_um), (Some(0.325), Some(0.326)));
    assert_eq!(
        plate.inventory.notes,
        ["the settings select wells of which there is no record: B09"]
    );
    let folder = folder.with("b.mes", "<Other/>");
    let plate = folder.read(&CellVoyager).unwrap();
    assert!(plate.inventory.notes[0].contains("b.mes"), "{:?}", plate.inventory.notes);
}

#[test]
fn names_alone_are_enough() {
    let text = records();
    let folder = folder(&text).without(".mlf").without("A02_T0001F002L01A01Z02");
    assert_eq!(CellVoyager.detect(&folder.folder()), Detection::Names);
    let plate = folder.read(&CellVoyager).unwrap();
    assert_eq!(counts(&plate), (17, 6, 1));
}

#[test]
fn damaged_records_are_an_error_that_names_the_file() {
    let good = format!("<bts:MeasurementData {BTS}>{}</bts:MeasurementData>", records());
    for text in
        [good[..good.len() - 40].to_owned(), good.replace("P_A01", "&x;"), "<Other/>".to_owned()]
    {
        let folder = TestFolder::new([]).with("m/MeasurementData.mlf", text);
        let error = folder.read(&CellVoyager).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("m/MeasurementData.mlf"), "{error}");
    }
}
