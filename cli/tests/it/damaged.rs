//! Damaged plates: every command says the same of them, and counts the same planes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Place, args, pipelines::pipeline, plate};

/// The file in `folder` whose name holds `part`.
fn file(folder: &Path, part: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.contains(part) && !name.contains("thumb")
    };
    files.into_iter().find(is_it).unwrap()
}

fn counts(place: &Place, location: &Path) -> [u64; 3] {
    let json = place.json(args!["check", location]);
    ["present", "missing", "corrupt"].map(|state| json["counts"][state].as_u64().unwrap())
}

/// What `check`, `convert` and `run` say of a plate that lacks planes.
fn said(place: &Place, location: &Path) -> (Value, String) {
    for command in [args!["check", location], args!["info", location]] {
        let code = place.command().args(&command).output().unwrap().status.code();
        assert_eq!(code, Some(if command[0] == "check" { 5 } else { 0 }));
    }
    let errors = place.fail(5, args!["run", pipeline(), location, "-o", "out"]);
    let _ = fs::remove_dir_all(place.path("out.zarr"));
    (place.json(args!["convert", location, "out.zarr"]), errors)
}

#[test]
fn the_first_file_of_a_channel_may_be_empty_or_cut() {
    for length in [0, 100] {
        let place = Place::new();
        let copy = place.path("copy");
        place.run(args!["cp", plate(), copy]);
        let channels = |location: &Path| place.json(args!["info", location])["channels"].clone();
        let healthy = channels(&plate());
        let names = ["E07_s1_w1", "E07_s1_w2"].map(|part| file(&copy, part));
        for name in &names {
            let content = fs::read(name).unwrap();
            fs::write(name, &content[..length]).unwrap();
        }
        assert_eq!(channels(&copy), healthy);
        // The second time from the structure cache.
        for _ in 0..2 {
            assert_eq!(counts(&place, &copy), [38, 0, 2]);
        }
        let output = place.command().args(args!["check", copy]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{text}");
        assert!(text.contains("The plate is NOT complete."), "{text}");
        let problems = place.json(args!["check", copy])["problems"].clone();
        for name in names {
            let name = name.file_name().unwrap().to_string_lossy().into_owned();
            assert!(text.contains(&name), "{name}: {text}");
            let tells = |problem: &Value| problem["reason"].as_str().unwrap().contains(&name);
            assert!(problems.as_array().unwrap().iter().any(tells), "{name}: {problems}");
        }
        let (report, errors) = said(&place, &copy);
        assert_eq!((&report["n_written"], &report["missing"]), (&38.into(), &Value::Array(vec![])));
        assert_eq!(report["corrupt"].as_array().unwrap().len(), 2, "{report}");
        assert!(errors.contains("2 planes that the pipeline needs are corrupt"), "{errors}");
    }
}

#[test]
fn images_of_a_store_that_are_damaged_or_lost_are_counted() {
    let place = Place::new();
    for ngff in ["0.4", "0.5"] {
        let store = place.path("store.zarr");
        place.run(args!["convert", plate(), store, "--ngff", ngff]);
        // A field of the second acquisition, which has three planes, not seven.
        let image = store.join("E/07/2");
        let (group, array) = match ngff {
            "0.4" => (".zattrs", "0/.zarray"),
            _ => ("zarr.json", "0/zarr.json"),
        };
        for (damaged, lost) in [(group, false), (array, false), (group, true)] {
            let whole = fs::read(image.join(damaged)).unwrap();
            match lost {
                false => fs::write(image.join(damaged), &whole[..whole.len() / 2]).unwrap(),
                true => fs::remove_file(image.join(damaged)).unwrap(),
            }
            assert_eq!(counts(&place, &store), [37, 0, 3], "{ngff} {damaged} {lost}");
            let (report, errors) = said(&place, &store);
            assert_eq!(report["corrupt"].as_array().unwrap().len(), 3, "{report}");
            assert_eq!(report["missing"].as_array().unwrap().len(), 0, "{report}");
            assert!(errors.contains("are corrupt: /E/07/2 (t=0 c=0 z=0)"), "{errors}");
            fs::write(image.join(damaged), whole).unwrap();
            assert_eq!(counts(&place, &store), [40, 0, 0]);
        }
        fs::remove_dir_all(&image).unwrap();
        assert_eq!(counts(&place, &store), [37, 3, 0]);
        let (report, errors) = said(&place, &store);
        assert_eq!(report["missing"].as_array().unwrap().len(), 3, "{report}");
        assert!(errors.contains("are missing: /E/07/2"), "{errors}");
        fs::remove_dir_all(&store).unwrap();
    }
}

#[test]
fn show_names_the_first_damaged_file_and_counts_the_others() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let names = ["E07_s1_w1", "E07_s1_w2", "E07_s2_w1"].map(|part| file(&copy, part));
    for name in &names {
        let content = fs::read(name).unwrap();
        fs::write(name, &content[..100]).unwrap();
    }
    let errors = place.fail(5, args!["show", copy, "--acquisition", "2", "-o", "x.png"]);
    let first = errors.lines().next().unwrap();
    let name = names[0].file_name().unwrap().to_str().unwrap();
    assert!(first.contains(name) && first.contains("100 bytes"), "{errors}");
    assert!(errors.contains("not shown"), "{errors}");
    assert!(place.path("x.png").is_file());
    let json = place.json(args!["show", copy, "--acquisition", "2", "-o", "y.png"]);
    assert!(json["gaps"][0]["reason"].as_str().unwrap().contains(name), "{json}");
}

#[test]
fn a_plate_of_cut_files_alone_is_counted_and_shown_as_such() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let mut folders = vec![copy.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).unwrap();
                fs::write(&path, &content[..content.len().min(1000)]).unwrap();
            }
        }
    }
    // The second time from the structure cache.
    for _ in 0..2 {
        assert_eq!(counts(&place, &copy), [0, 0, 40]);
    }
    let output = place.command().args(args!["check", copy]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("the file ends after 1000 bytes"), "{text}");
    assert!(text.contains("were expected"), "{text}");
    let errors = place.fail(5, args!["show", copy, "-o", "x.png"]);
    assert!(errors.contains(".tif"), "{errors}");
    let errors = place.fail(5, args!["show", copy, "--well", "E07", "--field", "1", "-o", "y.png"]);
    assert!(errors.contains(".tif"), "{errors}");
    place.fail(5, args!["convert", copy, "out.zarr"]);
}

#[test]
fn files_that_are_no_tiff_say_how_they_begin() {
    let place = Place::new();
    fs::write(place.path("a.tif"), "hello").unwrap();
    let errors = place.fail(5, args!["info", "a.tif"]);
    assert!(errors.contains("it starts with `hell`"), "{errors}");
    fs::write(place.path("a.tif"), b"\xffPK").unwrap();
    let errors = place.fail(5, args!["info", "a.tif"]);
    assert!(errors.contains("it starts with `\\xffPK`"), "{errors}");
}

#[test]
fn a_lost_list_of_labels_is_told() {
    let place = Place::new();
    let labelled = super::mend::labelled(&place);
    for (ngff, lists) in [("0.4", &[".zattrs", ".zgroup"][..]), ("0.5", &["zarr.json"])] {
        let store = place.path(&format!("{ngff}.zarr"));
        place.run(args!["convert", labelled, store, "--ngff", ngff]);
        let look = || place.json(args!["check", store, "--depth", "pixels"]);
        let whole = look();
        assert_eq!((&whole["complete"], &whole["labels"]), (&true.into(), &4.into()), "{whole}");
        for list in lists {
            fs::remove_file(store.join("E/07/0/labels").join(list)).unwrap();
            let found = look();
            assert_eq!(found["complete"], false, "{found}");
            let problems = found["label_problems"].as_array().unwrap();
            assert_eq!(problems.len(), 1, "{found}");
            assert!(problems[0]["plane"].as_str().unwrap().ends_with("E/07/0/labels"), "{found}");
        }
    }
}

#[test]
fn places_that_are_files_or_lead_nowhere_are_told_as_such() {
    let place = Place::new();
    fs::write(place.path("afile"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere.png", place.path("link.png")).unwrap();
    for (out, part) in [
        ("afile/x.png", "afile: is a file, not a folder"),
        ("link/x.png", "link: is a link to nowhere, which is not there"),
        ("link.png", "link.png: is a link to nowhere.png, which is not there"),
    ] {
        let errors = place.fail(2, args!["show", plate(), "-o", out]);
        assert!(errors.contains(part), "{errors}");
    }
    for (out, code, part) in [
        ("afile", 4, "afile: is a file, not a folder"),
        ("afile/out.zarr", 2, "afile: is a file, not a folder"),
        ("link", 2, "link: is a link to nowhere, which is not there"),
    ] {
        for to in ["zarr", "tiff"] {
            let out = if to == "tiff" { out.replace(".zarr", "") } else { out.to_owned() };
            let errors = place.fail(code, args!["convert", plate(), out, "--to", to]);
            assert!(errors.contains(part), "{errors}");
        }
    }
    assert_eq!(fs::read(place.path("afile")).unwrap(), b"x");
}

#[test]
fn a_lost_level_of_a_pyramid_is_told() {
    let place = Place::new();
    for version in ["0.4", "0.5"] {
        let store = format!("{version}.zarr");
        place.run(args!["convert", plate(), store, "--ngff", version, "--levels", "3"]);
        fs::remove_dir_all(place.path(&store).join("E/07/0/1")).unwrap();
        place.run(args!["check", store]);
        let output = place.command().args(["check", "--depth", "pixels", &store]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(5), "{text}");
        assert!(text.contains("E/07/0/1"), "{text}");
    }
}

#[test]
fn lines_of_text_are_lines() {
    let place = Place::new();
    for command in [args!["microscopes"].to_vec(), args!["demo", "-o", "demo"].to_vec()] {
        let text = place.run(&command);
        assert!(!text.contains("\\n"), "{text}");
    }
}

#[test]
fn a_plate_without_a_readable_plane_is_not_converted() {
    let place = Place::new();
    let names = ["p_A01_s1_w1.tif", "p_A01_s1_w2.tif", "p_A02_s1_w1.tif"];
    let folder = super::same_plane::folder(&place, "p", &names);
    for name in names {
        fs::write(folder.join(name), "no image").unwrap();
    }
    for out in ["out.zarr", "out"] {
        let errors = place.fail(5, args!["convert", folder, out]);
        assert!(errors.contains("no plane can be read: 3 planes are corrupt"), "{errors}");
        assert!(!place.path(out).join("zarr.json").exists(), "{out}");
    }
}

#[test]
fn a_look_at_the_names_says_that_it_was_one() {
    let place = Place::new();
    let names = ["p_A01_s1_w1.tif", "p_A02_s1_w1.tif"];
    let folder = super::same_plane::folder(&place, "p", &names);
    let last = folder.join(names[1]);
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..3000]).unwrap();
    let text = place.run(args!["check", folder]);
    assert!(text.contains("No file was looked into: --depth headers"), "{text}");
    let output = place.command().args(args!["check", folder, "--depth", "headers"]).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(5) && !text.contains("No file was"), "{text}");
}
