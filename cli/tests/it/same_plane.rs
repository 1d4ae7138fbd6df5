//! Two files that stand for one plane: one is left out, so the plate is not complete.

use std::{fs, path::Path, process::Output};

use super::{Place, args, plate};

/// A folder with copies of one real image under `names`.
pub(super) fn folder(place: &Place, name: &str, names: &[&str]) -> std::path::PathBuf {
    let folder = place.path(name);
    let image = plate().join("ZStep_1");
    let image = fs::read_dir(image).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    for name in names {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(&image, file).unwrap();
    }
    folder
}

/// Runs a command; its exit code and what it printed.
pub(super) fn told(place: &Place, arguments: &[std::ffi::OsString]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = place.command().args(arguments).output().unwrap();
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_file_that_loses_its_plane_to_another_is_counted() {
    let harmony = ["r01c01f01p01-ch1sk1fk1fl1.tiff", "r01c01f01p01-ch1sk1fk1fl2.tiff"];
    let cellvoyager = ["P_A01_T0001F001L01A01Z01C01.tif", "P_A01_T0001F001L01A02Z01C01.tif"];
    let cases = [
        ("harmony", harmony),
        ("cellvoyager", cellvoyager),
        ("zeros", ["p_A01_s1_w1.tif", "p_A1_s1_w1.tif"]),
        ("endings", ["p_A01_s1_w1.tif", "p_A01_s1_w1.tiff"]),
        ("case", ["p_A01_s1_w1.TIF", "p_A01_s1_w1.tif"]),
        ("own", ["A01_s001_z000_c000.tif", "A01_s1_z000_c000.tif"]),
    ];
    for (name, files) in cases {
        let place = Place::new();
        let folder = folder(&place, name, &files);
        // The second time the structure comes from the cache.
        for _ in 0..2 {
            let json = place.json(args!["check", folder]);
            assert_eq!((&json["complete"], &json["passed_over"]["n"]), (&false.into(), &1.into()));
            let file = &json["passed_over"]["files"][0];
            assert_eq!((&file["reason"], &file["path"]), (&"same_plane".into(), &files[1].into()));
        }
        let (code, text) = told(&place, &args!["check", folder]);
        assert_eq!(code, Some(5), "{text}");
        let expected = format!("{} is t=0 c=0 z=0 of well A01, field 1", files[0]);
        for part in ["1 image file passed over", files[1], &*expected, "rename one of them"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        let (code, text) = told(&place, &args!["convert", folder, "out.zarr", "--verify"]);
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains(files[1]), "{text}");
    }
}

#[test]
fn an_index_that_gives_two_files_one_plane_is_told() {
    let place = Place::new();
    let copy = place.path("copy");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/operetta/plate");
    place.run(args!["cp", source, copy]);
    let index = ["Images/Index.idx.xml", "Images/Index.xml", "Index.idx.xml", "Index.xml"]
        .map(|name| copy.join(name))
        .into_iter()
        .find(|file| file.exists())
        .unwrap();
    let whole = place.json(args!["check", copy]);
    assert_eq!(whole["passed_over"]["n"], 0, "{whole}");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("<FieldID>2</FieldID>", "<FieldID>1</FieldID>")).unwrap();
    let json = place.json(args!["check", copy]);
    assert!(json["passed_over"]["n"].as_u64() > Some(0), "{json}");
    assert_eq!(json["passed_over"]["files"][0]["reason"], "same_plane");
}

#[test]
fn a_pattern_without_the_group_that_tells_files_apart_says_so() {
    let place = Place::new();
    let names: Vec<String> = ["A01", "A02"]
        .iter()
        .flat_map(|well| (1..=3).map(move |field| format!("{well}_f{field}")))
        .flat_map(|stem| ["DAPI", "FITC"].map(|channel| format!("{stem}_{channel}.tif")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = folder(&place, "folder", &names);
    let pattern = r"(?<well>[A-P]\d\d)_f\d+_(?<channel>\w+)\.tif";
    let (code, text) = told(&place, &args!["check", folder, "--pattern", pattern]);
    assert_eq!(code, Some(5), "{text}");
    for part in [
        "8 image files passed over",
        "8 image files fit the pattern as planes that others are already; put what tells them \
         apart into a group that it lacks: (?<field>...), (?<z>...)",
        "The plate is NOT complete",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let run =
        args!["run", super::pipelines::pipeline(), folder, "-o", "results", "--pattern", pattern];
    let (code, text) = told(&place, &run);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("8 image files of the plate were passed over"), "{text}");
    let pattern = pattern.replace(r"_f\d+_", r"_f(?<field>\d+)_");
    let text = place.run(args!["check", folder, "--pattern", pattern]);
    assert!(text.contains("The plate is complete."), "{text}");
}

/// A picture that somebody exported for a talk has other pixels than the plane.
#[test]
fn a_picture_beside_its_tiff_file_is_not_read() {
    let place = Place::new();
    let names = ["p_A01_s1_w1.tif", "p_A01_s1_w2.tif", "p_A01_s2_w1.tif", "p_A01_s2_w2.tif"];
    let folder = folder(&place, "p", &names);
    place.run(args!["cp", folder.join(names[0]), folder.join("p_A01_s1_w1.png")]);
    let (code, text) = told(&place, &args!["check", folder]);
    assert!(code == Some(0) && text.contains("1 picture beside TIFF files"), "{text}");
    let planes = place.run(args!["ls", "--planes", folder]);
    assert!(planes.lines().count() == 4 && !planes.contains("png"), "{planes}");
    fs::remove_file(folder.join(names[0])).unwrap();
    let (code, text) = told(&place, &args!["check", folder]);
    assert_eq!(code, Some(5), "{text}");
    for part in ["3 present", "1 missing", "p_A01_s1_w1.png", "restore the TIFF file"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}
