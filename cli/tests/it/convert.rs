//! Conversions there and back, resumed and verified.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{Place, args, plate};

/// The values of every declared plane, by well, field, and index.
pub(super) fn planes(location: &Path) -> Vec<(String, Vec<u16>)> {
    let files = polystore::FileManager::new();
    let plate = files.open_plate(location.to_str().unwrap()).unwrap();
    let mut planes = Vec::new();
    for (well, image) in plate.structure().images() {
        for index in image.declared_indices() {
            let name = format!("{well} {:?} {} {index}", image.acquisition, image.field);
            let plane = plate.read(image, index).unwrap();
            planes.push((name, plane.as_slice::<u16>().unwrap().to_vec()));
        }
    }
    planes
}

#[test]
fn a_plate_is_the_same_in_every_layout() {
    let place = Place::new();
    let source = planes(&plate());
    assert_eq!(source.len(), 40);
    let steps: [(&str, &[&str]); 5] = [
        ("v5.zarr", &["--verify"]),
        ("v4.zarr", &["--ngff", "0.4", "--codec", "blosc", "--verify"]),
        ("sharded.zarr", &["--shard", "--levels", "1"]),
        ("fields", &["--to", "ome-tiff", "--verify"]),
        ("planes", &["--to", "tiff", "--codec", "lzw"]),
    ];
    // Each from the one before it: what is absent by design is carried all the way.
    let mut from = plate();
    for (name, options) in steps {
        let to = place.path(name);
        let mut arguments = args!["convert", from, to].to_vec();
        arguments.extend(options.iter().map(Into::into));
        let text = place.run(arguments);
        assert!(text.contains("40 planes of 8 images"), "{text}");
        assert!(planes(&to) == source, "{name} differs");
        let json = place.json(args!["check", to, "--depth", "pixels"]);
        assert_eq!(json["counts"]["absent_by_design"], 24, "{name}: {json}");
        from = to;
    }
    for (name, version, n_levels) in
        [("v5.zarr", "0.5", 3), ("v4.zarr", "0.4", 3), ("sharded.zarr", "0.5", 1)]
    {
        let json = place.json(args!["validate", place.path(name)]);
        assert_eq!((&json["valid"], &json["version"]), (&true.into(), &version.into()), "{name}");
        assert_eq!(json["counts"]["arrays"], 8 * n_levels, "{name}");
        assert!(!json["rules"].to_string().contains("chunks/absent"), "{name}: {json}");
        let chunks = &json["counts"]["chunks"];
        assert_eq!(chunks["absent"], chunks["absent_by_design"], "{name}");
    }
    let array = std::fs::read_to_string(place.path("sharded.zarr/E/07/0/0/zarr.json")).unwrap();
    assert!(array.contains("sharding_indexed"), "{array}");
}

#[test]
fn a_plate_of_ome_tiff_files_is_a_plate_to_other_programs_too() {
    let place = Place::new();
    place.run(args!["convert", plate(), "fields", "--to", "ome-tiff"]);
    let source = planes(&plate());
    std::fs::remove_file(place.path("fields/polystore-plate.json")).unwrap();
    let json = place.json(args!["info", "fields"]);
    assert_eq!((&json["microscope"], &json["wells"]), (&"ome-tiff".into(), &2.into()), "{json}");
    assert_eq!(json["planes"]["present"], 40, "{json}");
    let names: Vec<_> = json["acquisitions"].as_array().unwrap().iter().collect();
    assert_eq!((&names[0]["name"], &names[1]["name"]), (&"stack".into(), &"projection".into()));
    // The same pixels in the same wells and fields; OME-XML cannot say that a plane is absent
    // by design, so those are missing.
    let files = polystore::FileManager::new();
    let opened = files.open_plate(place.path("fields").to_str().unwrap()).unwrap();
    for (name, pixels) in &source {
        let found = opened.structure().images().find_map(|(well, image)| {
            let start = format!("{well} {:?} {} ", image.acquisition, image.field);
            let index = name.strip_prefix(&start)?;
            image.sizes.indices().find(|at| at.to_string() == index).map(|at| (image, at))
        });
        let (image, index) = found.unwrap_or_else(|| panic!("{name} is not there"));
        let plane = opened.read(image, index).unwrap();
        assert!(plane.as_slice::<u16>().unwrap() == pixels, "{name} differs");
    }
}

#[test]
fn viewers_open_a_converted_plate_with_the_contrast_of_its_pixels() {
    let place = Place::new();
    let metadata = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(place.path(name).join("E/07/0/zarr.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    place.run(args!["convert", plate(), "out.zarr"]);
    let json = metadata("out.zarr");
    let window = &json["attributes"]["ome"]["omero"]["channels"][0]["window"];
    let number = |name: &str| window[name].as_f64().unwrap();
    assert_eq!((number("min"), number("max")), (0.0, 65535.0));
    assert!(number("start") > 0.0 && number("end") < 30000.0, "{window}");
    // A setting that someone has changed is kept, by what resumes and by what copies.
    let path = place.path("out.zarr/E/07/0/zarr.json");
    let mut changed = json.clone();
    changed["attributes"]["ome"]["omero"]["channels"][0]["window"]["end"] = 777.0.into();
    std::fs::write(&path, changed.to_string()).unwrap();
    place.run(args!["convert", plate(), "out.zarr", "--resume"]);
    place.run(args!["convert", "out.zarr", "again.zarr"]);
    let again = metadata("again.zarr");
    let window = &again["attributes"]["ome"]["omero"]["channels"][0]["window"];
    assert_eq!(window["end"], 777.0, "{again}");
}

#[test]
fn what_is_there_is_not_written_over() {
    let place = Place::new();
    place.run(args!["convert", plate(), "out.zarr", "--quiet"]);
    let errors = place.fail(4, args!["convert", plate(), "out.zarr"]);
    assert!(errors.contains("out.zarr: the target has 40 planes already"), "{errors}");
    let errors = place.fail(4, args!["convert", plate(), "out.zarr", "--resume", "--ngff", "0.4"]);
    assert!(errors.contains("holds a store of OME-Zarr 0.5"), "{errors}");
    let errors = place.fail(2, args!["convert", plate(), "out.zarr", "--resume", "--to", "tiff"]);
    assert!(errors.contains("by its name it would be read as an OME-Zarr store"), "{errors}");
    std::fs::create_dir(place.path("other")).unwrap();
    std::fs::write(place.path("other/precious.txt"), "keep").unwrap();
    let errors = place.fail(4, args!["convert", plate(), "other"]);
    assert!(errors.contains("is not empty"), "{errors}");
    place.fail(6, args!["convert", plate(), "out.zarr.zip"]);
    place.fail(2, args!["convert", plate(), "fields", "--to", "ome-tiff", "--ngff", "0.4"]);
    let text = place.run(args!["convert", plate(), "out.zarr", "--resume"]);
    assert!(text.contains("40 planes were there already"), "{text}");
}

#[test]
fn a_resumed_conversion_keeps_the_settings_of_the_target() {
    let place = Place::new();
    place.run(args!["convert", plate(), "out.zarr", "--codec", "zstd:5", "--levels", "2"]);
    for (option, value, there, asked) in [
        ("--codec", "zstd:3", "zstd:5", "zstd:3"),
        ("--codec", "blosc", "zstd:5", "blosc"),
        ("--levels", "3", "2 levels", "3 levels"),
        ("--shard", "", "a file for each chunk", "a shard for each image"),
        ("--ngff", "0.4", "0.5", "0.4"),
    ] {
        let mut arguments = args!["convert", plate(), "out.zarr", "--resume", option].to_vec();
        arguments.extend((!value.is_empty()).then(|| value.into()));
        let errors = place.fail(4, arguments);
        assert!(errors.contains(there) && errors.contains(asked), "{errors}");
        assert!(errors.contains("out.zarr") && errors.contains("choose another place"), "{errors}");
    }
    place.run(args!["convert", plate(), "out.zarr", "--resume", "--codec", "zstd:5"]);
    let same = args!["convert", plate(), "out.zarr", "--resume", "--verify"];
    assert_eq!(place.json(same)["n_kept"], 40);

    for (to, folder) in [("ome-tiff", "fields"), ("tiff", "planes")] {
        let convert = |more: &[&str]| {
            let mut all = args!["convert", plate(), folder, "--to", to].to_vec();
            all.extend(more.iter().map(Into::into));
            all
        };
        let levels: &[&str] = if to == "tiff" { &[] } else { &["--levels", "2"] };
        place.run(convert(&[&["--codec", "lzw"], levels].concat()));
        let errors = place.fail(4, convert(&["--resume", "--codec", "zstd"]));
        assert!(errors.contains("compression lzw; zstd was asked for"), "{errors}");
        if to == "ome-tiff" {
            let errors = place.fail(4, convert(&["--resume", "--levels", "3"]));
            assert!(errors.contains("have 2 pyramid levels; 3 were asked for"), "{errors}");
        }
        let one = if to == "tiff" { "E07/E07_a001_s001_z000_c000.tif" } else { "" };
        if !one.is_empty() {
            std::fs::remove_file(place.path(folder).join(one)).unwrap();
        }
        let json = place.json(convert(&["--resume", "--verify"]));
        assert_eq!(json["n_written"], u64::from(!one.is_empty()), "{json}");
    }
}

#[test]
fn holes_in_smaller_levels_are_found() {
    let place = Place::new();
    let out = place.path("out.zarr");
    place.run(args!["convert", plate(), out, "--verify"]);
    std::fs::remove_file(out.join("E/07/0/1/c/0/0/0/0/0")).unwrap();
    std::fs::write(out.join("E/08/0/2/c/0/0/0/0/0"), "damaged").unwrap();
    place.run(args!["check", out]);
    let output = place.command().args(args!["check", out, "--depth", "pixels"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("corrupt  /E/07/0 (t=0 c=0 z=0) level 1"), "{text}");
    assert!(text.contains("corrupt  /E/08/0 (t=0 c=0 z=0) level 2"), "{text}");
    let json = place.json(args!["check", out, "--depth", "pixels"]);
    assert_eq!((&json["counts"]["corrupt"], &json["problems"][0]["level"]), (&2.into(), &1.into()));
    // What cannot be read any more is written again.
    std::fs::write(out.join("E/08/1/0/c/0/0/0/0/0"), "damaged").unwrap();
    place.run(args!["convert", plate(), out, "--resume", "--verify"]);
    let text = place.run(args!["check", out, "--depth", "pixels"]);
    assert!(text.contains("The plate is complete."), "{text}");
}

#[test]
fn a_killed_conversion_goes_on_where_it_was() {
    let place = Place::new();
    let out = place.path("out.zarr");
    let mut n_kept = 0;
    for delay in [1, 3, 6, 10, 15, 25, 40] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_polystore"))
            .args(args!["convert", plate(), out, "--resume"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let json = place.json(args!["convert", plate(), out, "--resume", "--verify"]);
    n_kept += json["n_kept"].as_u64().unwrap();
    assert_eq!(json["n_written"].as_u64().unwrap() + n_kept, 40, "{json}");
    assert!(planes(&out) == planes(&plate()));
    assert_eq!(place.json(args!["validate", out])["valid"], true);
}

#[test]
fn validate_says_what_is_wrong_and_speaks_the_runner_s_protocol() {
    let place = Place::new();
    place.run(args!["convert", plate(), "out.zarr"]);
    let metadata = place.path("out.zarr/zarr.json");
    let text_of_metadata = std::fs::read_to_string(&metadata).unwrap();
    assert!(text_of_metadata.contains("\"path\": \"E/08\""), "{text_of_metadata}");
    std::fs::write(&metadata, text_of_metadata.replace("\"path\": \"E/08\"", "\"path\": \"E/07\""))
        .unwrap();
    let output = place.command().args(args!["validate", "out.zarr"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("zarr.json#/attributes/ome/plate/wells/1") && text.contains("E/07"),
        "{text}"
    );
    // What schemas cannot see is no matter of the runner's; what they can is.
    std::fs::write(&metadata, text_of_metadata.replace("\"columns\"", "\"colums\"")).unwrap();
    let answer = place.run(args!["validate", "--conformance", "out.zarr"]);
    assert!(answer.starts_with(r#"{"valid":false"#), "{answer}");
}

/// What is absent inside of a shard is as absent as a file of its own would be.
#[test]
fn chunks_in_shards_are_looked_for() {
    let place = Place::new();
    place.run(args!["convert", plate(), "whole.zarr", "--shard", "--levels", "1"]);
    place.run(args!["validate", "whole.zarr", "--require-chunks"]);
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let mut sections = std::fs::read_dir(copy.join("ZStep_2")).unwrap();
    let is_first = |path: &PathBuf| path.to_string_lossy().contains("E08_s2_w1");
    let gone = sections.find_map(|entry| Some(entry.unwrap().path()).filter(is_first)).unwrap();
    std::fs::remove_file(gone).unwrap();
    let output = place.command().args(args!["convert", copy, "p.zarr", "--shard"]).output();
    assert_eq!(output.unwrap().status.code(), Some(5));
    let output = place.command().args(args!["validate", "p.zarr", "--require-chunks"]).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(5) && text.contains("chunks are absent"), "{text}");
    // A shard that was cut short has no index.
    let shard = place.path("whole.zarr/E/07/0/0/c/0/0/0/0/0");
    let content = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &content[..content.len() - 8]).unwrap();
    let json = place.json(args!["validate", "whole.zarr"]);
    assert!(json.to_string().contains("chunks/shard-index"), "{json}");
}

/// Two plates of the same names and sizes with other pixels.
fn two_plates(place: &Place) -> [PathBuf; 2] {
    let wells = ["A01", "A02", "A03", "B01", "B02", "B03"];
    let names: Vec<String> = wells.iter().map(|well| format!("p_{well}_s1_w1.tif")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut images = fs::read_dir(plate().join("ZStep_1")).unwrap();
    ["one", "other"].map(|name| {
        let folder = super::same_plane::folder(place, name, &names);
        let image = images.next().unwrap().unwrap().path();
        for file in &names {
            fs::copy(&image, folder.join(file)).unwrap();
        }
        folder
    })
}

#[test]
fn a_conversion_does_not_go_on_with_another_plate() {
    for (out, to) in [("out", "ome-tiff"), ("files", "tiff"), ("out.zarr", "zarr")] {
        let place = Place::new();
        let [one, other] = two_plates(&place);
        place.run(args!["convert", one, out, "--to", to]);
        let row = place.path(out).join(if to == "zarr" { "B/01" } else { "B01" });
        fs::remove_dir_all(row).unwrap();
        let command = args!["convert", other, out, "--to", to, "--resume"];
        let errors = place.fail(4, &command);
        assert!(errors.contains("the target has other pixels than the source"), "{errors}");
        place.run(args!["convert", one, out, "--to", to, "--resume", "--verify"]);
    }
}

#[test]
fn one_conversion_at_a_time_writes_into_a_folder() {
    for to in ["ome-tiff", "tiff"] {
        let place = Place::new();
        let plates = two_plates(&place);
        fs::create_dir(place.path("held")).unwrap();
        let held = polystore::atomic::Held::folder(&place.path("held"), "conversion").unwrap();
        let errors = place.fail(8, args!["convert", plates[0], "held", "--to", to]);
        assert!(errors.contains("another conversion is writing here"), "{errors}");
        drop(held);
        let ended = std::thread::scope(|scope| {
            let begin = |plate: &Path| {
                let command = args!["convert", plate, "out", "--to", to, "--verify"];
                let mut run = place.command();
                scope.spawn(move || run.args(command).output().unwrap().status.code().unwrap())
            };
            [begin(&plates[0]), begin(&plates[1])].map(|run| run.join().unwrap())
        });
        // One is done; the other is refused, since it comes second or too late.
        let done: Vec<_> = (0..2).filter(|&n| ended[n] == 0).collect();
        assert!(done.len() == 1 && ended.iter().any(|code| [4, 8].contains(code)), "{ended:?}");
        let command = args!["convert", plates[done[0]], "out", "--to", to, "--resume", "--verify"];
        assert!(place.run(command).contains("6 planes were there already"));
    }
}
