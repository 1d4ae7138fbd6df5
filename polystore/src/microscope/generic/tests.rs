use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    Error, ErrorKind,
    microscope::{
        read_plate_with,
        testing::{TestFolder, counts, images, plane},
    },
    model::{PlaneState, Sizes},
};

fn pattern(text: &str, files: &[&str]) -> Result<DeclaredPlate> {
    let folder = TestFolder::new(files.iter().copied());
    read_plate_with(&folder.folder(), &Generic::from_pattern(text)?)
}

fn refused(text: &str) -> Error {
    let error = Generic::from_pattern(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error
}

#[test]
fn names_by_a_pattern() {
    let files = [
        "x_B02_f1_DAPI.tif",
        "x_B02_f1_Cy5.tif",
        "x_B02_f3_DAPI.tif",
        "x_B03_f1_DAPI.tif",
        "y.tif",
    ];
    let found =
        pattern(r"x_(?<well>[A-P]\d\d)_f(?<field>\d+)_(?<channel>\w+)\.tif", &files).unwrap();
    assert_eq!(images(&found), ["B02/0/0", "B02/0/2", "B03/0/0"]);
    let image = &found.structure.wells[0].fields[0];
    assert_eq!((image.channel_name(0), image.channel_name(1)), ("Cy5".into(), "DAPI".into()));
    assert_eq!(plane(&found, "B02", (0, 2), (0, 0, 0)), Err(PlaneState::Missing));
    assert_eq!(plane(&found, "B03", (0, 0), (0, 0, 0)), Err(PlaneState::AbsentByDesign));
    assert_eq!(found.structure.microscope, "generic");
    assert!(found.inventory.notes.iter().any(|note| note.ends_with("the pattern: y.tif")));
}

#[test]
fn paths_rows_columns_and_all_the_numbers() {
    let mut files = Vec::new();
    for (day, t) in [("day10", 5), ("day2", 5), ("day2", 6)] {
        for (c, z) in [(0, 0), (0, 1), (3, 0)] {
            files.push(format!("{day}/r03/c12_s0_t{t}_z{z}_ch{c}.png"));
        }
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let text = r"(?<acquisition>\w+)/r(?<row>\d+)/c(?<col>\d+)_s(?<site>\d+)_t(?<t>\d+)_z(?<z>\d+)_ch(?<channel>\d+)\.png";
    let found = pattern(text, &files).unwrap();
    assert_eq!(images(&found), ["C12/0/0", "C12/1/0"]);
    let names: Vec<_> = found.structure.acquisitions.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["day2", "day10"]);
    let (_, image) = found.structure.images().next().unwrap();
    assert_eq!(image.sizes, Sizes::new(2, 2, 2, 4, 6));
    assert_eq!((image.channel_name(1), image.channel_number(1)), ("channel 3".into(), 3));
    assert_eq!(
        plane(&found, "C12", (1, 0), (0, 1, 0)),
        Ok("day10/r03/c12_s0_t5_z0_ch3.png".into())
    );
    assert_eq!(plane(&found, "C12", (1, 0), (0, 1, 1)), Err(PlaneState::AbsentByDesign));
}

#[test]
fn a_pattern_that_is_wrong_says_where() {
    let error = refused(r"(?<well>[A-P]\d\d)_(f\d+");
    assert!(error.message().contains("unclosed group at character 20: `(f\\d+`"), "{error}");
    let error = refused(r"(?<well>[A-P]\d\d))|(x");
    assert!(error.message().contains("unopened group at character 19"), "{error}");
    assert!(refused("(?<well>a)\n(").message().contains("unclosed group"));
    assert!(refused("(?<well>a{1000}{1000}{1000})").message().contains("size limit"));
    let error = refused(r"(?<well>\w+)_(?<chanel>\w+)");
    assert_eq!(error.hint(), Some("did you mean `channel`?"));
    for (text, expected) in [
        (r"(?<field>\d)(?<z>\d)", "`well` (or `row` and `col`); its groups: field, z"),
        ("x", "its groups: none"),
        (r"(?<row>\d)", "lacks the group `col`"),
        (r"(?<col>\d)", "lacks the group `row`"),
        (r"(?<well>\d)(?<col>\d)", "leave one out"),
    ] {
        assert!(refused(text).message().contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn files_that_do_not_fit_are_told() {
    let text = r"(?<well>\w\d+)_(?<z>\w+)\.tif";
    let error = pattern(text, &["plate_A01_1.tif", "notes.txt"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("of 1 image file none fits the pattern: plate_A01_1.tif"));
    assert!(error.hint().unwrap().contains("write .* where"));
    let error = pattern(text, &["A01_x.tif"]).unwrap_err();
    assert!(error.message().contains("z is `x`; expected a number"), "{error}");
    assert!(pattern(text, &[]).unwrap_err().message().contains("no image files"));
    let found = pattern(text, &["A01_1.tif", "A00_1.tif", "A01_99999999999.tif"]).unwrap();
    assert_eq!(counts(&found), (1, 0, 0));
    assert!(found.inventory.notes[0].contains("well is `A00`"), "{:?}", found.inventory.notes);
    // A name that fits and cannot be used is always counted, others when they are most.
    assert_eq!(found.inventory.passed_over.n, 2);
    let found = pattern(text, &["A01_1.tif", "x.tif"]).unwrap();
    assert!(found.inventory.is_complete());
    let found = pattern(text, &["A01_1.tif", "x.tif", "y.tif"]).unwrap();
    assert_eq!((found.inventory.passed_over.n, found.inventory.is_complete()), (2, false));
}

fn csv(content: &str) -> Result<Generic> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("files.csv");
    std::fs::write(&file, content).unwrap();
    Generic::from_csv(file)
}

fn table(content: &str, files: &[&str]) -> Result<DeclaredPlate> {
    read_plate_with(&TestFolder::new(files.iter().copied()).folder(), &csv(content)?)
}

#[test]
fn rows_declare_planes_and_pages() {
    let content = "File, Well ,field,channel,z,page,dose\n\
        a/s.tif,B02,1,DAPI,1,0,3\na\\s.tif,b2,1,DAPI,2,1,3\n./c.tif,B02,2,DAPI,1,,4\n";
    let found = table(content, &["a/s.tif", "x.tif"]).unwrap();
    assert_eq!(images(&found), ["B02/0/0", "B02/0/1"]);
    assert_eq!(plane(&found, "B02", (0, 0), (0, 0, 1)), Ok("a/s.tif#1".to_owned()));
    assert_eq!(plane(&found, "B02", (0, 1), (0, 0, 0)), Err(PlaneState::Missing));
    assert_eq!(counts(&found), (2, 1, 1));
    let notes = found.inventory.notes.join("\n");
    assert!(notes.contains("nothing here: dose") && notes.contains("not there: c.tif"), "{notes}");
    for separator in [";", "\t"] {
        let found = table(&content.replace(',', separator), &["a/s.tif"]).unwrap();
        assert_eq!(counts(&found), (2, 1, 1));
    }
}

#[test]
fn a_csv_that_is_wrong_says_the_line() {
    for (content, expected) in [
        ("", "lacks the column `file` and `well`"),
        ("file,well\n", "no rows"),
        ("path,well\na,A01\n", "lacks the column `file`"),
        ("file,row\na,1\n", "lacks the column `well` (or `row` and `col`)"),
        ("file,well,site,field\na,A01,1,1\n", "two columns for `field`"),
        ("file,well,chanel\na,A01,1\n", "a column `chanel`"),
        ("file,well\na,A01\nb,Z\n", "line 3: well is `Z`"),
        ("file,well,z\na,A01,one\n", "line 2: z is `one`; expected a number"),
        (
            "file,well,z\na,A01,4000000000\n",
            "line 2: z is `4000000000`; expected a number of at most 999999999",
        ),
        ("file,row,col\na,1,4000000000\n", "expected a number from 1 to 9999"),
        ("file,well,page\na,A01,-1\n", "line 2: page is `-1`"),
        ("file,well\na,A01,3\n", "line 2: has 3 values; the header has 2"),
        ("file,well\n,A01\n", "line 2: names no file"),
        ("file,well\na,\n", "line 2: there is no well"),
        ("file,well\n/etc/passwd,A01\n", "line 2: file `/etc/passwd` is not below"),
        ("file,well\nC:\\x.tif,A01\n", "is not below"),
        ("file,well\na/../../b,A01\n", "is not below"),
        ("file,well\na,A01\n\nb,A02\nc,A01\n", "line 5: is of the plane of well A01 that line 2"),
        ("file,well\na,A01\na,A02\n", "line 3: names page 0 of a, as line 2 does"),
    ] {
        let error = csv(content).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(error.message().contains(expected), "{content:?}: {error}");
        assert!(error.path().unwrap().ends_with("files.csv"), "{error}");
    }
    let error = Generic::from_csv(Path::new("/nowhere/files.csv")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = table("file,well\na.tif,A01\n", &["b.tif"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("none of the files that"), "{error}");
    assert!(error.message().contains("a.tif (line 2)"), "{error}");
}

#[test]
fn lines_without_values_are_passed_over() {
    let plate = table("file,well\na.tif,A01\n\n  \n,\nb.tif,A02\n,,\n", &["a.tif", "b.tif"]);
    assert_eq!(plate.unwrap().structure.wells.len(), 2);
}

#[test]
fn keys_follow_the_content() {
    let key = |content: &str| csv(content).unwrap().key();
    assert_eq!(key("file,well\na,A01\n"), key("file,well\na,A01\n"));
    assert_ne!(key("file,well\na,A01\n"), key("file,well\na,A02\n"));
    let of_pattern = |text: &str| Generic::from_pattern(text).unwrap().key();
    assert_ne!(of_pattern("(?<well>a)"), of_pattern("(?<well>b)"));
}

proptest! {
    #[test]
    fn descriptions_never_panic(text in "\\PC{0,40}", values in "[a-z0-9,;\\n\"/.]{0,80}") {
        let _ = pattern(&text, &["A01_1.tif", "é.tif"]);
        let _ = pattern(&format!("(?<well>{text})"), &["A01_1.tif", "é.tif"]);
        let _ = table(&format!("file,well,z\n{values}"), &["a"]);
    }
}
