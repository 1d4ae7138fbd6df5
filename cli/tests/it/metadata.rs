//! Damaged metadata of a vendor: what it no longer declares is not taken for complete.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Place, args, pipelines::pipeline};

#[test]
fn a_cut_htd_makes_the_plate_incomplete_for_every_command() {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/imagexpress-htd/9987_Plate_3434");
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", source, copy]);
    let htd = "TimePoint_1/9987.HTD";
    let whole = fs::read(copy.join(htd)).unwrap();
    for name in [
        "9987.HTD",
        "TimePoint_1/ZStep_0/9987.HTD",
        "TimePoint_1/ZStep_1/9987.HTD",
        "TimePoint_1/ZStep_2/9987.HTD",
    ] {
        fs::remove_file(copy.join(name)).unwrap();
    }
    let missing = place.json(args!["check", copy])["counts"]["missing"].clone();
    assert_eq!(missing, 42);
    for content in [&whole[..200], &whole[..whole.len() / 2], b"", b"\x89random\0\xff"] {
        fs::write(copy.join(htd), content).unwrap();
        let output = place.command().args(args!["check", copy]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{text}");
        for part in ["1 metadata file passed over", htd, "copy it again", "NOT complete"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert_eq!(place.json(args!["check", copy])["passed_over"]["files"][0]["path"], htd);
    }
    let output = place.command().args(args!["convert", copy, "out.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("1 metadata file of the plate was passed over"), "{text}");
    // What is there can be worked on; the run is incomplete all the same.
    let run = args!["run", pipeline(), copy, "-o", "results"];
    let output = place.command().args(run).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("1 part of the plate"), "{text}");
}

/// Copies a real plate and changes a file of its metadata.
fn changed(place: &Place, plate: &str, file: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(plate);
    let copy = place.path("copy");
    place.run(args!["cp", source, copy]);
    let file = copy.join(file);
    let text = fs::read_to_string(&file).unwrap();
    let new = change(&text);
    assert_ne!(new, text);
    fs::write(&file, new).unwrap();
    copy
}

/// The `n`th text between two others.
fn between<'t>(text: &'t str, open: &str, close: &str, n: usize) -> &'t str {
    text.split(open).nth(n + 1).unwrap().split(close).next().unwrap()
}

#[test]
fn a_file_has_the_pixels_of_one_plane() {
    let place = Place::new();
    let copy = changed(&place, "operetta/plate", "Images/Index.idx.xml", |text| {
        let url = |n| between(text, "<URL>", "</URL>", n);
        text.replacen(&format!(">{}</URL>", url(1)), &format!(">{}</URL>", url(0)), 1)
    });
    let json = place.json(args!["check", copy]);
    assert_eq!((&json["complete"], &json["counts"]["missing"]), (&false.into(), &1.into()));
    let reasons: Vec<_> = json["passed_over"]["files"].as_array().unwrap().iter().collect();
    assert!(reasons.iter().any(|file| file["reason"] == "several_planes"), "{reasons:?}");
    let output = place.command().args(args!["check", copy]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn numbers_of_an_index_that_are_none_are_told() {
    for (tag, wrong) in [("ChannelID", "abc"), ("PlaneID", "2.0"), ("FieldID", "-1")] {
        let place = Place::new();
        let copy = changed(&place, "operetta/plate", "Images/Index.idx.xml", |text| {
            let (before, images) = text.split_at(text.find("<Images>").unwrap());
            let number = between(images, &format!("<{tag}>"), "<", 0);
            let new = format!("<{tag}>{wrong}<");
            format!("{before}{}", images.replacen(&format!("<{tag}>{number}<"), &new, 1))
        });
        let json = place.json(args!["check", copy]);
        assert_eq!(json["complete"], false, "{tag}: {json}");
        let text = json["passed_over"].to_string();
        assert!(text.contains(&format!("<{tag}>{wrong}</{tag}>")), "{text}");
        let info = place.json(args!["info", copy]);
        let channels = info["channels"].as_array().map(Vec::len);
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/operetta/plate");
        let expected = place.json(args!["info", whole])["channels"].as_array().map(Vec::len);
        assert_eq!(channels, expected, "{tag}");
    }
}

#[test]
fn a_cellvoyager_plate_without_its_records_is_not_complete() {
    let place = Place::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/cellvoyager/plate");
    let copy = place.path("copy");
    place.run(args!["cp", source, copy]);
    fs::remove_file(copy.join("MeasurementData.mlf")).unwrap();
    let output = place.command().args(args!["check", copy]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(5) && text.contains("MeasurementData.mlf"), "{text}");
    assert!(text.contains("is not there, although"), "{text}");
}

/// A description of an array that lost timepoints or channels, which the smaller levels have.
#[test]
fn levels_of_an_image_have_the_same_channels() {
    let place = Place::new();
    place.run(args!["convert", super::plate(), "p.zarr"]);
    let file = place.path("p.zarr/E/08/0/0/zarr.json");
    let mut array: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let n_channels = array["shape"][1].as_u64().unwrap();
    assert!(n_channels > 1);
    array["shape"][1] = (n_channels - 1).into();
    fs::write(&file, array.to_string()).unwrap();
    let output = place.command().args(args!["check", "p.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(5) && text.contains("and the full size"), "{text}");
}
