//! Plates made of plates that lack something: what was declared there is declared here, and
//! `check` says what is missing.

use std::{fs, path::Path};

use super::{Place, args, plate};

/// Kinds of targets: what to write, where, and with which options.
const TARGETS: [(&str, &str, &[&str]); 4] = [
    ("zarr", "v5.zarr", &[]),
    ("zarr", "v4.zarr", &["--ngff", "0.4"]),
    ("tiff", "planes", &[]),
    ("ome-tiff", "fields", &[]),
];

fn code_and_text(place: &Place, arguments: &[std::ffi::OsString]) -> (Option<i32>, String) {
    let output = place.command().args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
}

fn convert(place: &Place, from: &str, (to, out, options): (&str, &str, &[&str])) -> Option<i32> {
    let mut arguments = args!["convert", from, out, "--to", to].to_vec();
    arguments.extend(options.iter().map(Into::into));
    code_and_text(place, &arguments).0
}

#[test]
fn wells_that_nobody_could_read_are_told_by_what_is_made_of_them() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    let list = place.path("source.zarr/E/08/zarr.json");
    let whole = fs::read(&list).unwrap();
    fs::write(&list, "{").unwrap();
    for target in TARGETS {
        let out = target.1;
        assert_eq!(convert(&place, "source.zarr", target), Some(5), "{out}");
        // What is made of it tells it too.
        let next = format!("next-{out}");
        assert_eq!(convert(&place, out, (target.0, &next, &[])), Some(5), "{next}");
        for out in [out, &next] {
            let (code, text) = code_and_text(&place, &args!["check", out]);
            assert_eq!(code, Some(5), "{out}: {text}");
            let told = "E/08/  in the plate that this one was made of: well that the plate lists";
            assert!(text.contains(told) && text.contains("1 well passed over"), "{out}: {text}");
            // From the cache, too.
            let json = place.json(args!["check", out]);
            assert_eq!(json["passed_over"]["files"][0]["in_source"], true, "{json}");
            assert_eq!(json["counts"]["present"], 20, "{json}");
            let json = place.json(args!["show", out, "-o", "x.png", "--force"]);
            assert_eq!(json["wells_without_images"], serde_json::json!(["E08"]), "{json}");
            if target.0 == "zarr" {
                let json = place.json(args!["validate", out, "--strict"]);
                assert_eq!(json["valid"], true, "{out}: {json}");
                assert!(!place.path(out).join("E/08").exists(), "{out}");
            }
        }
    }
    fs::write(&list, whole).unwrap();
    for (to, out, _) in TARGETS {
        place.run(args!["convert", "source.zarr", out, "--to", to, "--resume", "--verify"]);
        let json = place.json(args!["check", out, "--depth", "pixels"]);
        assert_eq!((&json["complete"], &json["counts"]["present"]), (&true.into(), &40.into()));
    }
}

#[test]
fn a_well_without_a_list_of_images_is_not_forgotten() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr", "--ngff", "0.4"]);
    fs::remove_file(place.path("a.zarr/E/08/.zattrs")).unwrap();
    let (code, text) = code_and_text(&place, &args!["check", "a.zarr"]);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("E/08/  well that the plate lists"), "{text}");
}

#[test]
fn images_of_which_no_plane_is_there_are_declared() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    fs::remove_dir_all(place.path("source.zarr/E/07/0")).unwrap();
    fs::write(place.path("source.zarr/E/08/1/zarr.json"), "{").unwrap();
    fs::remove_dir_all(place.path("source.zarr/E/08/2/0/c/0/1")).unwrap();
    let source = place.json(args!["check", "source.zarr"]);
    assert_eq!(source["counts"]["absent_by_design"], 24, "{source}");
    let lacking = source["counts"]["missing"].as_u64().unwrap()
        + source["counts"]["corrupt"].as_u64().unwrap();
    assert!(lacking > 2, "{source}");
    for target in TARGETS {
        assert_eq!(convert(&place, "source.zarr", target), Some(5));
        let json = place.json(args!["check", target.1]);
        assert_eq!(json["counts"]["missing"], lacking, "{}: {json}", target.1);
        for state in ["present", "absent_by_design"] {
            assert_eq!(json["counts"][state], source["counts"][state], "{}: {json}", target.1);
        }
        if target.0 == "zarr" {
            assert_eq!(place.json(args!["validate", target.1])["valid"], true);
        }
    }
}

#[test]
fn a_damaged_declaration_is_made_again() {
    let place = Place::new();
    let copy = |from: &str, to: &str| {
        place.run(args!["cp", from, to]);
    };
    for (to, out, file, damage, option) in [
        ("zarr", "a.zarr", "zarr.json", Some("{\"zarr_f"), &["--codec", "gzip:2"][..]),
        ("zarr", "b.zarr", "zarr.json", Some("{}"), &["--levels", "2"]),
        ("zarr", "c.zarr", ".zattrs", Some("{\"plate\": 5}"), &["--ngff", "0.4"]),
        ("zarr", "d.zarr", ".zattrs", None, &["--ngff", "0.4", "--codec", "none"]),
        ("tiff", "planes", "polystore-plate.json", Some("{\"poly"), &["--codec", "zstd"]),
        ("ome-tiff", "one", "polystore-plate.json", Some(""), &["--levels", "3"]),
    ] {
        let base = format!("base-{out}");
        let mut arguments = args!["convert", plate(), base, "--to", to].to_vec();
        arguments.extend(option.iter().map(Into::into));
        place.run(arguments);
        copy(&base, out);
        let damaged = place.path(out).join(file);
        match damage {
            Some(text) => fs::write(&damaged, text).unwrap(),
            None => fs::remove_file(&damaged).unwrap(),
        }
        // An image is lost as well: it gets the settings of the others.
        let (lost, probe) = match to {
            "zarr" => ("E/08/0", if option[0] == "--ngff" { "0/.zarray" } else { "0/zarr.json" }),
            "tiff" => ("E08/E08_a001_s001_z000_c000.tif", ""),
            _ => ("E08/E08_a001_s001.ome.tif", ""),
        };
        let lost = place.path(out).join(lost);
        let _ = fs::remove_dir_all(&lost).or_else(|_| fs::remove_file(&lost));
        let text = place.run(args!["convert", plate(), out, "--to", to, "--resume", "--verify"]);
        assert!(text.contains("were there already"), "{out}: {text}");
        let json = place.json(args!["check", out, "--depth", "pixels"]);
        assert_eq!((&json["complete"], &json["counts"]["present"]), (&true.into(), &40.into()));
        let read = |root: &str| fs::read(place.path(root).join(file)).unwrap();
        assert!(read(out) == read(&base), "{out}: the declaration is another");
        let there = lost.strip_prefix(place.path(out)).unwrap();
        let there = if probe.is_empty() { there.to_owned() } else { there.join(probe) };
        let is_same = fs::read(place.path(out).join(&there)).unwrap()
            == fs::read(place.path(&base).join(&there)).unwrap();
        assert!(is_same || to == "ome-tiff", "{out}");
    }
}

#[test]
fn a_declaration_that_cannot_be_made_again_is_told() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    place.run(args!["cp", "source.zarr", "a.zarr"]);
    place.run(args!["convert", plate(), "planes", "--to", "tiff"]);
    fs::write(place.path("a.zarr/zarr.json"), "{").unwrap();
    fs::write(place.path("planes/polystore-plate.json"), "{").unwrap();
    // Without `--resume`, nothing is made again.
    let error = place.fail(5, args!["convert", plate(), "planes", "--to", "tiff"]);
    assert!(error.contains("--resume"), "{error}");
    // A source with another plate: it lacks a well that is there.
    fs::remove_dir_all(place.path("source.zarr/E/08")).unwrap();
    let json = fs::read_to_string(place.path("source.zarr/zarr.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["attributes"]["ome"]["plate"]["wells"].as_array_mut().unwrap().pop().unwrap();
    fs::write(place.path("source.zarr/zarr.json"), json.to_string()).unwrap();
    for (to, out) in [("zarr", "a.zarr"), ("tiff", "planes")] {
        let resume = args!["convert", "source.zarr", out, "--to", to, "--resume"];
        let error = place.fail(4, resume);
        assert!(error.contains("cannot be made again") && error.contains("E08"), "{error}");
    }
}

/// The metadata of an array or image but for the mark of windows measured in the store itself;
/// the length of another file; nothing of one that is not there.
fn settings(root: &Path, name: &str) -> Option<serde_json::Value> {
    let file = root.join(name);
    if !name.ends_with(".json") && !name.ends_with(".zarray") {
        return fs::metadata(file).ok().map(|found| found.len().into());
    }
    let mut metadata: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).unwrap();
    let channels = metadata.pointer_mut("/attributes/ome/omero/channels");
    for channel in channels.into_iter().filter_map(serde_json::Value::as_array_mut).flatten() {
        channel["window"].as_object_mut().unwrap().remove("polystore_measured");
    }
    Some(metadata)
}

#[test]
fn settings_outlive_all_images() {
    let place = Place::new();
    for (to, out, option) in [
        ("zarr", "a.zarr", &["--codec", "blosc:lz4:3", "--levels", "3"][..]),
        ("zarr", "b.zarr", &["--ngff", "0.4", "--codec", "none", "--levels", "1"]),
        ("zarr", "c.zarr", &["--shard", "--levels", "2"]),
        ("tiff", "planes", &["--codec", "zstd"]),
        ("ome-tiff", "fields", &["--codec", "none", "--levels", "2"]),
    ] {
        let base = format!("base-{out}");
        for target in [&base, out] {
            let mut arguments = args!["convert", plate(), target, "--to", to].to_vec();
            arguments.extend(option.iter().map(Into::into));
            place.run(arguments);
        }
        for well in ["E/07", "E/08", "E07", "E08"] {
            let _ = fs::remove_dir_all(place.path(out).join(well));
        }
        let other = if to == "zarr" { "gzip:1" } else { "lzw" };
        let resume = args!["convert", plate(), out, "--to", to, "--resume", "--codec", other];
        let error = place.fail(4, resume);
        assert!(error.contains("was asked for"), "{error}");
        place.run(args!["convert", plate(), out, "--to", to, "--resume"]);
        let names = match to {
            "zarr" => ["E/07/1/0/zarr.json", "E/07/1/0/.zarray", "E/08/0/zarr.json"],
            "tiff" => ["E08/E08_a001_s001_z000_c000.tif", "", ""],
            _ => ["E08/E08_a001_s001.ome.tif", "", ""],
        };
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let (one, other) =
                (settings(&place.path(&base), name), settings(&place.path(out), name));
            assert_eq!(one, other, "{out}: {name}");
        }
    }
}

#[test]
fn a_damaged_file_stays_until_the_new_one_is_there() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    place.run(args!["convert", "source.zarr", "files", "--to", "ome-tiff"]);
    let file = place.path("files/E07/E07_a001_s001.ome.tif");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..3000]).unwrap();
    // The source has every plane by name, and none can be read.
    let chunks = place.path("source.zarr/E/07/0/0/c");
    let mut folders = vec![chunks];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { fs::write(path, "damaged").unwrap() }
        }
    }
    let (code, text) = code_and_text(&place, &args!["convert", "source.zarr", "files", "--resume"]);
    assert_eq!(code, Some(5), "{text}");
    assert_eq!(fs::read(&file).unwrap(), bytes[..3000], "the only copy is gone");
}

#[test]
fn differences_that_verify_finds_have_an_exit_code_and_names() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr", "--codec", "none"]);
    for (to, out) in [("zarr", "a.zarr"), ("tiff", "planes"), ("ome-tiff", "fields")] {
        place.run(args!["convert", "source.zarr", out, "--to", to, "--codec", "none"]);
    }
    let chunk = place.path("source.zarr/E/07/0/0/c/0/0/0/0/0");
    let mut bytes = fs::read(&chunk).unwrap();
    bytes[1000] ^= 1;
    fs::write(&chunk, bytes).unwrap();
    for (to, out) in [("zarr", "a.zarr"), ("tiff", "planes"), ("ome-tiff", "fields")] {
        let resume = args!["convert", "source.zarr", out, "--to", to, "--resume", "--verify"];
        let (code, text) = code_and_text(&place, &resume);
        assert_eq!(code, Some(5), "{text}");
        let told = "1 plane FAILED, in the target with other pixels than in the source:";
        assert!(text.contains(told) && text.contains("/E/07/0\n    t=0 c=0 z=0"), "{text}");
        assert!(!text.contains("every plane was read back and is the same"), "{text}");
        let json = place.json(resume);
        assert_eq!(json["failed"][0]["differs"], true, "{json}");
    }
}

#[test]
fn what_a_run_leaves_tells_of_wells_that_nobody_could_read() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    fs::write(place.path("source.zarr/E/08/zarr.json"), "{").unwrap();
    let pipeline = super::pipelines::pipeline();
    let run = args!["run", pipeline, "source.zarr", "-o", "results"];
    assert_eq!(code_and_text(&place, &run).0, Some(5));
    let stores = fs::read_dir(place.path("results/images")).unwrap();
    let stores: Vec<_> = stores.map(|entry| entry.unwrap().path()).collect();
    assert!(!stores.is_empty());
    for store in stores {
        let (code, text) = code_and_text(&place, &args!["check", store]);
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains("E/08/  in the plate that this one was made of"), "{text}");
        assert!(text.contains("        0 missing"), "{text}");
        assert_eq!(place.json(args!["validate", store])["valid"], true);
        let json = place.json(args!["show", store, "-o", "x.png", "--force"]);
        assert_eq!(json["wells_without_images"], serde_json::json!(["E08"]), "{json}");
    }
}
