//! Every metadata file of every reader, cut at a quarter, the half and three quarters, and
//! emptied: none of it makes planes disappear in silence.

use super::{
    names::image_stem,
    read_plate,
    testing::{TestFolder, data, listing},
};
use crate::{ErrorKind, model::Inventory};

/// What comes of a plate with a cut file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The plate cannot be opened, and the error names the file.
    Error,
    /// The plate is not complete, and the file is named with what is wrong.
    Incomplete,
    /// The file is not needed: the plate is the same without it.
    Same,
}

use Outcome::{Error, Incomplete, Same};

/// Plate, file, and what comes of it at 0, 25, 50 and 75 %.
const TABLE: [(&str, &str, [Outcome; 4]); 12] = [
    ("imagexpress-htd/9987_Plate_3434", "9987.HTD", [Incomplete; 4]),
    ("imagexpress-htd/9987_Plate_3420", "9987.HTD", [Incomplete; 4]),
    ("operetta/plate", "Images/Index.idx.xml", [Error; 4]),
    // Not read: a picture of the layout for people.
    ("operetta/plate", "Assaylayout/Unnamed.xml", [Same; 4]),
    ("cellvoyager/plate", "MeasurementData.mlf", [Error; 4]),
    ("cellvoyager/plate", "MeasurementDetail.mrf", [Incomplete; 4]),
    ("cellvoyager/plate", "Minimal-3C3W2S-FP2-stack.mes", [Incomplete; 4]),
    // Read only without a `.mrf`, which says the same.
    ("cellvoyager/plate", "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack.wpi", [Same; 4]),
    ("scanr", "experiment_descriptor.xml", [Incomplete; 4]),
    ("scanr", "data/metadata.ome.xml", [Incomplete; 4]),
    ("ome-tiff", "p.companion.ome", [Error; 4]),
    ("openhcs", "openhcs_metadata.json", [Error; 4]),
];

const DESCRIPTOR: &str = "<LVData><Cluster><Name>x</Name><String><Name>plate name</Name>\
    <Val>P7</Val></String><Array><Name>well selection table + cDNA</Name><String><Val>1</Val>\
    </String><String><Val>B2</Val></String></Array></Cluster></LVData>";
const PIXELS: &str = "<Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" Type=\"uint16\" SizeX=\"6\" \
    SizeY=\"4\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"1\"><TiffData IFD=\"0\" PlaneCount=\"1\"><UUID \
    FileName=\"A01.ome.tif\">urn:uuid:1</UUID></TiffData></Pixels>";
const OPENHCS: &str = r#"{"subdirectories": {"images": {"main": true, "image_files":
    ["A01_s001_w1_z001_t001.tif", "A02_s001_w1_z001_t001.tif"]}}}"#;

fn folder(name: &str) -> (TestFolder, Vec<(String, Vec<u8>)>) {
    let ome = |plate: &str| {
        format!(
            "<?xml version=\"1.0\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">{plate}\
             <Image ID=\"Image:0\">{PIXELS}</Image></OME>"
        )
    };
    let sample = "<Plate ID=\"Plate:0\" Name=\"p\"><Well ID=\"Well:0\" Row=\"0\" Column=\"0\"><WellSample \
        ID=\"WellSample:0\" Index=\"0\"><ImageRef ID=\"Image:0\"/></WellSample></Well></Plate>";
    let (images, texts): (Vec<&str>, Vec<(&str, String)>) = match name {
        "scanr" => (
            vec!["data/W00001--P00001--Z00000--T00000--DAPI.tif"],
            vec![
                ("experiment_descriptor.xml", DESCRIPTOR.into()),
                ("data/metadata.ome.xml", ome("")),
            ],
        ),
        "ome-tiff" => (vec!["A01.ome.tif"], vec![("p.companion.ome", ome(sample))]),
        "openhcs" => (
            vec!["images/A01_s001_w1_z001_t001.tif", "images/A02_s001_w1_z001_t001.tif"],
            vec![("openhcs_metadata.json", OPENHCS.into())],
        ),
        real => {
            let files = listing(real);
            let texts = files.iter().filter(|file| image_stem(file).is_none());
            let read =
                |file: &String| (file.clone(), std::fs::read(data(real).join(file)).unwrap());
            return (TestFolder::new(files.iter().map(String::as_str)), texts.map(read).collect());
        }
    };
    let owned = |(file, text): (&str, String)| (file.to_owned(), text.into_bytes());
    (TestFolder::new(images), texts.into_iter().map(owned).collect())
}

/// The inventory of the plate with `cut` cut after `percent` of its bytes; the other files
/// of that name, copies of it, are cut too.
fn read(name: &str, cut: &str, percent: usize) -> crate::Result<Inventory> {
    let (folder, texts) = folder(name);
    let is_cut = |file: &str| file == cut || (cut.ends_with(".HTD") && file.ends_with(".HTD"));
    let folder = texts.into_iter().fold(folder, |folder, (file, text)| {
        let length = if is_cut(&file) { text.len() * percent / 100 } else { text.len() };
        folder.with(&file, text[..length].to_vec())
    });
    read_plate(&folder.folder(), None).map(|plate| plate.inventory)
}

#[test]
fn a_cut_metadata_file_is_told_and_no_plane_disappears_in_silence() {
    for (name, file, expected) in TABLE {
        let whole = read(name, file, 100).unwrap();
        assert!(whole.passed_over.is_empty(), "{name}: {:?}", whole.passed_over);
        let outcome = |percent: usize| match read(name, file, percent) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {error}");
                assert!(error.to_string().contains(file), "{name}: {error}");
                Error
            }
            Ok(found) if found.passed_over.is_empty() => {
                assert_eq!(found.counts(), whole.counts(), "{name} {file} {percent} %");
                Same
            }
            Ok(found) => {
                assert!(!found.is_complete());
                let told = found.passed_over.files.iter().find(|told| told.path == file);
                let why = told.map(|told| told.why()).unwrap_or_default();
                assert!(why.contains("copy it again"), "{name} {file}: {:?}", found.passed_over);
                assert_eq!(found.counts().present, whole.counts().present, "{name} {file}");
                Incomplete
            }
        };
        assert_eq!([0, 25, 50, 75].map(outcome), expected, "{name} {file}");
    }
}
