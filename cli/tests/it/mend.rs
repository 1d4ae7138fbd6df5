//! Conversions that go on with a damaged target or a source that grew, and labels that cannot
//! be read.

use std::{fs, path::Path};

use super::{Place, args, plate};

/// The plate of the repository without the files whose name has `part`.
fn without(place: &Place, name: &str, part: &str) -> std::path::PathBuf {
    let copy = place.path(name);
    place.run(args!["cp", plate(), copy]);
    for_each_file(&copy, &|file| {
        if file.file_name().unwrap().to_string_lossy().contains(part) {
            fs::remove_file(file).unwrap();
        }
    });
    copy
}

pub(super) fn for_each_file(folder: &Path, visit: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { for_each_file(&path, visit) } else { visit(&path) }
    }
}

/// What is done to a store.
type Damage<'a> = &'a dyn Fn(&Path);

fn is_whole(place: &Place, store: &Path) {
    let json = place.json(args!["check", store, "--depth", "pixels"]);
    assert_eq!((&json["complete"], &json["counts"]["present"]), (&true.into(), &40.into()));
    assert!(super::convert::planes(store) == super::convert::planes(&plate()), "pixels differ");
}

#[test]
fn a_resumed_conversion_mends_wells_and_images() {
    for (version, file, array) in [("0.5", "zarr.json", "zarr.json"), ("0.4", ".zattrs", ".zarray")]
    {
        let place = Place::new();
        let base = place.path("base.zarr");
        let convert = args!["convert", plate(), base, "--ngff", version, "--codec", "none"];
        place.run(convert);
        let damages: [(&str, Damage<'_>, &[&str]); 5] = [
            ("an image lost", &|store| fs::remove_dir_all(store.join("E/07/0")).unwrap(), &[]),
            ("metadata cut", &|at| fs::write(at.join("E/07/0").join(file), "{\"a").unwrap(), &[]),
            ("a level cut", &|at| fs::write(at.join("E/07/1/1").join(array), "{").unwrap(), &[]),
            ("a well lost", &|store| fs::remove_dir_all(store.join("E/08")).unwrap(), &[]),
            (
                "a list cut, an image lost, a chunk damaged",
                &|store| {
                    fs::write(store.join("E/08").join(file), "{").unwrap();
                    fs::remove_dir_all(store.join("E/08/2")).unwrap();
                    let chunks = if version == "0.5" { "E/07/0/0/c" } else { "E/07/0/0/0" };
                    for_each_file(&store.join(chunks), &|chunk| {
                        fs::write(chunk, "damaged").unwrap();
                    });
                },
                &["--verify"],
            ),
        ];
        for (what, damage, options) in damages {
            let store = place.path("store.zarr");
            let _ = fs::remove_dir_all(&store);
            place.run(args!["cp", base, store]);
            damage(&store);
            let told = place.json(args!["check", store, "--depth", "pixels"]);
            assert_eq!(told["complete"], false, "{version}: {what}");
            let mut resume = args!["convert", plate(), store, "--resume"].to_vec();
            resume.extend(options.iter().map(Into::into));
            let text = place.run(resume);
            assert!(text.contains("were there already"), "{version}, {what}: {text}");
            is_whole(&place, &store);
            // What came later has the settings and the contrast of what was there.
            for part in ["E/07/0/0", "E/08/2", "E/07", "E"] {
                let name = if part == "E/07/0/0" { array } else { file };
                let read = |store: &Path| fs::read_to_string(store.join(part).join(name)).ok();
                assert_eq!(read(&store), read(&base), "{version}, {what}: {part}");
            }
            let json = place.json(args!["validate", store, "--strict"]);
            assert_eq!(json["valid"], true, "{version}, {what}: {json}");
        }
    }
}

#[test]
fn a_resumed_conversion_takes_what_the_source_gained() {
    let place = Place::new();
    for (number, (to, out)) in
        [("zarr", "a.zarr"), ("ome-tiff", "fields"), ("tiff", "planes")].into_iter().enumerate()
    {
        // First without a well, then without a field of the other.
        for (round, part) in ["_E08_", "_E07_s1_"].into_iter().enumerate() {
            let name = format!("source-{number}-{round}");
            let source = without(&place, &name, part);
            let out = place.path(&format!("{round}-{out}"));
            place.run(args!["convert", source, out, "--to", to]);
            for_each_file(&plate(), &|file| {
                let to = source.join(file.strip_prefix(plate()).unwrap());
                if !to.exists() {
                    fs::copy(file, to).unwrap();
                }
            });
            let refused = place.fail(4, args!["convert", source, out, "--to", to]);
            assert!(refused.contains("already") || refused.contains("another"), "{refused}");
            let options = ["--resume", "--verify", "--no-cache"];
            let mut resume = args!["convert", source, out, "--to", to].to_vec();
            resume.extend(options.iter().map(Into::into));
            let text = place.run(resume);
            assert!(text.contains("were there already"), "{text}");
            is_whole(&place, &out);
            // The source lost them again: the target has more than it, and that is told.
            let fewer = without(&place, &format!("{name}-fewer"), part);
            let error = place.fail(4, args!["convert", fewer, out, "--to", to, "--resume"]);
            assert!(error.contains("which the source has not"), "{error}");
        }
    }
}

#[test]
fn a_resumed_conversion_mends_files_of_images() {
    let place = Place::new();
    place.run(args!["convert", plate(), "base", "--to", "ome-tiff", "--codec", "lzw"]);
    let shorten = |file: &Path, by: u64| {
        let n_bytes = fs::metadata(file).unwrap().len();
        let opened = fs::File::options().write(true).open(file).unwrap();
        opened.set_len(n_bytes.saturating_sub(by)).unwrap();
    };
    let lose = |file: &Path| fs::remove_file(file).unwrap();
    let garble = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        bytes[2000..4000].fill(0xff);
        fs::write(file, bytes).unwrap();
    };
    let damages: [(Damage<'_>, &[&str]); 5] = [
        (&lose, &[]),
        (&|file| shorten(file, 20_000), &[]),
        (&|file| shorten(file, u64::MAX), &["--verify"]),
        (&|file| shorten(file, 20_000), &["--verify"]),
        // Only who decodes the pixels sees this.
        (&garble, &["--verify"]),
    ];
    for (number, (damage, options)) in damages.into_iter().enumerate() {
        let store = place.path(&format!("store-{number}"));
        place.run(args!["cp", "base", store]);
        // The first file, too, whose settings are those of the plate.
        damage(&store.join("E07/E07_a001_s001.ome.tif"));
        assert_eq!(place.json(args!["check", store, "--depth", "pixels"])["complete"], false);
        let mut resume = args!["convert", plate(), store, "--resume"].to_vec();
        resume.extend(options.iter().map(Into::into));
        let json = place.json(resume);
        assert_eq!((&json["n_written"], &json["n_kept"]), (&7.into(), &33.into()), "{number}");
        is_whole(&place, &store);
    }
}

/// A damaged file of an image may hold the last copy of a plane.
#[test]
fn a_file_with_planes_that_the_source_has_no_more_stays() {
    let place = Place::new();
    place.run(args!["convert", plate(), "source.zarr"]);
    place.run(args!["convert", "source.zarr", "files", "--to", "ome-tiff", "--codec", "lzw"]);
    let file = place.path("files/E07/E07_a001_s001.ome.tif");
    let mut bytes = fs::read(&file).unwrap();
    bytes[2000..4000].fill(0xff);
    fs::write(&file, &bytes).unwrap();
    fs::remove_dir_all(place.path("source.zarr/E/07/0/0/c/0/3")).unwrap();
    let resume = args!["convert", "source.zarr", "files", "--resume", "--verify"];
    let output = place.command().args(resume).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("1 plane FAILED") && text.contains("E/07/0"), "{text}");
    assert!(fs::read(&file).unwrap() == bytes, "the file was touched");
}

#[test]
fn a_target_that_is_another_plate_is_refused_and_told() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr"]);
    let other = plate().join("../../cellvoyager/plate");
    let other = if other.is_dir() { other } else { plate().join("../../cellvoyager") };
    let error = place.fail(4, args!["convert", other, "a.zarr", "--resume"]);
    assert!(error.contains("another plate is there: its name is `Projection-Mix`"), "{error}");
    // The same names, but other pixels.
    let file = place.path("a.zarr/E/07/0/zarr.json");
    let text = fs::read_to_string(&file).unwrap().replace("FITC_05-2", "DAPI");
    fs::write(&file, text).unwrap();
    let error = place.fail(4, args!["convert", plate(), "a.zarr", "--resume"]);
    assert!(error.contains("its field 1 of well E07 has the channels"), "{error}");
    assert!(error.contains("DAPI") && error.contains("FITC_05-2"), "{error}");
}

/// A store with a label image for each of two fields of a well.
pub(super) fn labelled(place: &Place) -> std::path::PathBuf {
    let run = args!["run", super::pipelines::pipeline(), plate(), "-o", "results"];
    let mut run = run.to_vec();
    run.extend(["--wells", "E07"].map(Into::into));
    place.run(run);
    let images = fs::read_dir(place.path("results/images")).unwrap();
    let mut stores = images.map(|entry| entry.unwrap().path());
    stores.find(|path| path.extension().is_some_and(|end| end == "zarr")).unwrap()
}

#[test]
fn labels_that_cannot_be_read_are_told() {
    let place = Place::new();
    let store = labelled(&place);
    let json = place.json(args!["validate", store]);
    assert_eq!(json["valid"], true, "{json}");
    let json = place.json(args!["check", store, "--depth", "pixels"]);
    assert_eq!((&json["complete"], &json["labels"]), (&true.into(), &4.into()), "{json}");
    let text = place.run(args!["convert", store, "whole.zarr"]);
    assert!(text.contains("4 label images with them"), "{text}");
    place.run(args!["validate", "whole.zarr"]);

    let source = place.path("source.zarr");
    place.run(args!["cp", store, source]);
    // Metadata damaged; a folder gone that is listed; chunks damaged.
    fs::write(store.join("E/07/0/labels/nuclei/zarr.json"), "{").unwrap();
    fs::remove_dir_all(store.join("E/07/1/labels/nuclei")).unwrap();
    for_each_file(&store.join("E/07/2/labels/nuclei/0/c"), &|chunk| {
        fs::write(chunk, "damaged").unwrap();
    });
    let output = place.command().args(args!["convert", store, "less.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    for part in ["E/07/0/labels/nuclei", "E/07/1/labels/nuclei", "E/07/2/labels/nuclei"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("1 label image with them"), "{text}");
    assert!(text.contains("1 plane and 2 label images FAILED:"), "{text}");
    let output = place.command().args(args!["check", store, "--depth", "pixels"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("4 label images looked at"), "{text}");
    let json = place.json(args!["check", store, "--depth", "pixels"]);
    assert_eq!(json["problems"].as_array().unwrap().len(), 0, "{json}");
    let told: Vec<_> = json["label_problems"].as_array().unwrap().iter().collect();
    let states: Vec<_> = told.iter().map(|problem| problem["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["corrupt", "missing", "corrupt"], "{json}");

    // In a target they are written again.
    fs::write(place.path("whole.zarr/E/07/0/labels/nuclei/zarr.json"), "{").unwrap();
    fs::remove_dir_all(place.path("whole.zarr/E/07/1/labels")).unwrap();
    let text = place.run(args!["convert", source, "whole.zarr", "--resume", "--verify"]);
    assert!(text.contains("4 label images with them"), "{text}");
    let json = place.json(args!["check", "whole.zarr", "--depth", "pixels"]);
    assert_eq!((&json["complete"], &json["labels"]), (&true.into(), &4.into()), "{json}");
}

#[test]
fn of_many_failures_the_first_are_told() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr"]);
    for_each_file(&place.path("a.zarr"), &|file| {
        if file.parent().unwrap().to_string_lossy().contains("/0/c/") {
            fs::write(file, "damaged").unwrap();
        }
    });
    let output = place.command().args(args!["convert", "a.zarr", "b.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("40 planes FAILED:"), "{text}");
    assert!(text.contains("… and 20 more (all in --json)"), "{text}");
    assert_eq!(text.matches("  /E/07/0\n").count(), 1, "{text}");
    assert_eq!(text.matches("    t=").count(), 20, "{text}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = place.command().args(args!["check", "a.zarr", "--depth", "pixels"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.contains("… and 20 more (--limit, or all in --json)"), "{text}");
}
