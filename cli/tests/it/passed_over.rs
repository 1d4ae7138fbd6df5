//! Image files of a plate that cannot be used are told by every command that judges a plate.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt, os::unix::fs::symlink};

use super::{Place, args, plate};

/// A copy of the plate, whose files are a link to the real one's.
fn copy(place: &Place) -> std::path::PathBuf {
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    assert!(place.run(args!["check", copy]).contains("The plate is complete."));
    copy
}

#[test]
fn a_plate_with_unusable_image_files_is_not_complete() {
    let place = Place::new();
    let copy = copy(&place);
    fs::write(copy.join(OsString::from_vec(b"odd_\xff_E07_s9_w1.tif".to_vec())), "x").unwrap();
    fs::create_dir(place.path("outside")).unwrap();
    let secret = place.path("outside/secret_E07_s9_w2.tif");
    fs::write(&secret, "x").unwrap();
    symlink(secret, copy.join("leak_E07_s9_w2.tif")).unwrap();
    symlink("nowhere.tif", copy.join("dangling_E07_s9_w3.tif")).unwrap();

    let output = place.command().args(args!["check", copy]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    for part in [
        "3 image files passed over",
        "odd_\u{fffd}_E07_s9_w1.tif  name is not UTF-8; rename it to use it",
        "leak_E07_s9_w2.tif  link that leaves the plate",
        "dangling_E07_s9_w3.tif  link that leads nowhere",
        "The plate is NOT complete.",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    // The second time the structure comes from the cache.
    for _ in 0..2 {
        let json = place.json(args!["check", copy]);
        assert_eq!((&json["complete"], &json["passed_over"]["n"]), (&false.into(), &3.into()));
        assert_eq!(json["counts"]["missing"], 0, "{json}");
        let reasons: Vec<_> =
            json["passed_over"]["files"].as_array().unwrap().iter().map(|f| &f["reason"]).collect();
        for reason in ["name_not_utf8", "link_leaves_plate", "dangling_link"] {
            assert!(reasons.contains(&&reason.into()), "{json}");
        }
    }
    let text = place.run(args!["info", copy]);
    assert!(text.contains("3 image files of the plate were passed over"), "{text}");
    assert_eq!(place.json(args!["info", copy])["passed_over"]["n"], 3);
    let pipeline =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nuclei.toml");
    let run = args!["run", pipeline, copy, "-o", "results", "--wells", "E07"];
    let output = place.command().args(run).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("note: 3 image files of the plate were passed over"), "{text}");
    let output = place.command().args(args!["convert", copy, "out.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("3 image files of the plate were passed over"), "{text}");
}

#[test]
fn allowed_links_are_followed_and_nothing_is_passed_over() {
    let place = Place::new();
    let copy = copy(&place);
    fs::create_dir(place.path("elsewhere")).unwrap();
    let moved = place.path("elsewhere/ZStep_1");
    fs::rename(copy.join("ZStep_1"), &moved).unwrap();
    symlink(&moved, copy.join("ZStep_1")).unwrap();
    let json = place.json(args!["check", copy]);
    assert_eq!(json["passed_over"]["files"][0]["path"], "ZStep_1/", "{json}");
    let json = place.json(args!["check", copy, "--links-to", place.path("elsewhere")]);
    assert_eq!((&json["complete"], &json["passed_over"]["n"]), (&true.into(), &0.into()), "{json}");
}

#[test]
fn a_pattern_that_most_files_do_not_fit_is_told() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    let names = place.run(args!["ls", plate(), "--planes"]);
    place.run(args!["cp", names.lines().next().unwrap(), "folder/x_A01_w1.tif"]);
    for name in ["x_A02_w1.tif", "y1.tif", "y2.tif", "y3.tif"] {
        fs::copy(folder.join("x_A01_w1.tif"), folder.join(name)).unwrap();
    }
    let pattern = r"x_(?<well>[A-P]\d\d)_w(?<channel>\d)\.tif";
    let output =
        place.command().args(args!["check", folder, "--pattern", pattern]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("3 image files not fitting the pattern"), "{text}");
    assert!(text.contains("y1.tif  name does not fit the pattern"), "{text}");
    // Fewer than those that fit: left out on purpose.
    fs::remove_file(folder.join("y3.tif")).unwrap();
    let text = place.run(args!["check", folder, "--pattern", pattern]);
    assert!(text.contains("2 image files not fitting the pattern"), "{text}");
    assert!(text.contains("The plate is complete."), "{text}");
}

#[test]
fn wells_that_cannot_be_read_are_not_forgotten() {
    let place = Place::new();
    let store = place.path("p.zarr");
    place.run(args!["convert", plate(), store]);
    fs::write(store.join("E/08/zarr.json"), "{").unwrap();
    fs::remove_dir_all(store.join("E/07")).unwrap();
    for arguments in [args!["check", store].to_vec(), args!["check", store, "--no-cache"].to_vec()]
    {
        let output = place.command().args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{text}");
        for well in ["E/07/", "E/08/"] {
            assert!(text.contains(&format!("{well}  well that the plate lists")), "{text}");
        }
    }
    let output = place.command().args(args!["convert", store, "q.zarr"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stdout));
    // Nor are they when the others are worked on.
    place.run(args!["convert", plate(), "r.zarr"]);
    fs::write(place.path("r.zarr/E/08/zarr.json"), "{").unwrap();
    let run = args!["run", super::pipelines::pipeline(), "r.zarr", "-o", "results"];
    let output = place.command().args(run).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("COULD NOT BE USED"), "{text}");
    let manifest = fs::read_to_string(place.path("results/run.json")).unwrap();
    assert!(manifest.contains("\"state\": \"incomplete\""), "{manifest}");
    // Asked for alone, they are what is wrong.
    let run = args!["run", super::pipelines::pipeline(), "r.zarr", "-o", "x", "--wells", "E08"];
    let output = place.command().args(run).output().unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("no image of well E08 is known"), "{errors}");
    let errors = place.fail(5, args!["show", "r.zarr", "--well", "E08", "-o", "x.png"]);
    assert!(errors.contains("no image of well E08 is known"), "{errors}");
    let json = place.json(args!["show", "r.zarr", "-o", "x.png"]);
    assert_eq!(json["wells_without_images"], serde_json::json!(["E08"]), "{json}");
}
