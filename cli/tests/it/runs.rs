//! Runs that go on with the results of others or replace them, and plates that turn out to be
//! damaged on the way.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Place, args, pipelines::pipeline, plate};

/// Runs and says the exit code and what was printed, errors after the rest.
fn run(place: &Place, arguments: &[OsString]) -> (i32, String) {
    let output = place.command().args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn with(arguments: &[OsString], more: &[&str]) -> Vec<OsString> {
    arguments.iter().cloned().chain(more.iter().map(Into::into)).collect()
}

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

/// How many units are in each of some states.
fn states(out: &Path) -> [usize; 5] {
    let manifest = manifest(out);
    let units = manifest["units"].as_array().unwrap();
    let count = |state: &str| units.iter().filter(|unit| unit["state"] == state).count();
    ["done", "kept", "partial", "left_out", "failed"].map(count)
}

/// The pipeline with something else in it.
fn other_pipeline(place: &Place, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(pipeline()).unwrap();
    assert!(text.contains(from));
    let file = place.path("other.toml");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
    file
}

/// A copy of the plate and the image file of E08, field 2, channel 1 in it.
fn copy(place: &Place) -> (PathBuf, PathBuf) {
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let files = fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files = files.filter(|path| !name(path).contains("thumb"));
    let file = files.find(|path| name(path).contains("E08_s2_w1")).unwrap();
    (copy, file)
}

#[test]
fn replacing_deletes_what_a_run_wrote_and_nothing_else() {
    let place = Place::new();
    let out = place.path("out");
    let first = args!["run", pipeline(), plate(), "-o", out];
    place.run(&first);
    let mine = [
        "notes.txt",
        "results/mine.csv",
        "results/nuclei/notes.csv",
        "images/mine.tif",
        "images/project.zarr/E/07/notes.txt",
        "images/project.zarr/E/07/0/labels/hand/zarr.json",
        "plots/heatmap-mine.png",
        "rois/mine/a.roi.zip",
        "units/E07/mine.json",
    ];
    for name in mine {
        fs::create_dir_all(out.join(name).parent().unwrap()).unwrap();
        fs::write(out.join(name), "mine").unwrap();
    }
    let are_mine_there = || {
        for name in mine {
            assert_eq!(fs::read_to_string(out.join(name)).unwrap(), "mine", "{name}");
        }
    };
    let other = other_pipeline(&place, "save = \"nuclei\"", "save = \"spots\"");
    let second = args!["run", other, plate(), "-o", out];
    let (code, text) = run(&place, &second);
    assert!(code == 4 && text.contains("step `measure`, save: nuclei → spots"), "{text}");
    // Somebody's file where the run would write.
    fs::create_dir_all(out.join("results/spots")).unwrap();
    fs::write(out.join("results/spots/E07.csv"), "mine").unwrap();
    let (code, text) = run(&place, &with(&second, &["--replace"]));
    assert!(code == 4 && text.contains("no run wrote `results/spots/E07.csv`"), "{text}");
    assert!(out.join("results/nuclei/E07.csv").is_file(), "nothing was deleted");
    fs::remove_file(out.join("results/spots/E07.csv")).unwrap();

    let (code, text) = run(&place, &with(&second, &["--replace"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("files that no run wrote were left") && text.contains("mine.csv"));
    are_mine_there();
    assert!(!out.join("results/nuclei/E07.csv").exists());
    assert!(!out.join("plots/heatmap-nuclei_count-a001.svg").exists());
    assert!(out.join("results/spots/E07.csv").is_file());
    assert_eq!(states(&out), [8, 0, 0, 0, 0]);

    // A run that was killed before it drew anything, and one of an old version.
    let mut record = manifest(&out);
    record["state"] = "running".into();
    record.as_object_mut().unwrap().remove("plots");
    fs::write(out.join("run.json"), record.to_string()).unwrap();
    let (code, text) = run(&place, &with(&first, &["--replace"]));
    assert!(code == 4 && text.contains("`plots/heatmap-"), "{text}");
    assert!(out.join("results/spots/E07.csv").is_file(), "nothing was deleted");
    let plots = fs::read_dir(out.join("plots")).unwrap().map(|entry| entry.unwrap().path());
    for plot in plots.filter(|plot| !plot.ends_with("heatmap-mine.png")) {
        fs::remove_file(plot).unwrap();
    }
    record["plots"] = json!([]);
    fs::remove_file(out.join("report.html")).unwrap();
    fs::write(out.join("run.json"), record.to_string()).unwrap();
    let (code, text) = run(&place, &with(&first, &["--replace"]));
    assert_eq!(code, 0, "{text}");
    are_mine_there();

    // Without the record nothing can be told.
    fs::write(out.join("run.json"), "{").unwrap();
    let (code, text) = run(&place, &with(&second, &["--replace"]));
    assert!(code == 5 && text.contains("run.json"), "{text}");
    assert!(out.join("results/nuclei/E07.csv").is_file());
    are_mine_there();
}

#[test]
fn a_plane_that_cannot_be_decoded_is_left_out_like_one_that_is_missing() {
    let place = Place::new();
    let (copy, file) = copy(&place);
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let skip = |out: &str| args!["run", pipeline(), copy, "-o", out, "--missing", "skip"];
    assert_eq!(run(&place, &skip("missing")).0, 5);
    // The header is there, the pixels are not: only who reads them sees it.
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let (code, text) = run(&place, &args!["run", pipeline(), copy, "-o", "error", "--no-cache"]);
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(code, 5, "{text}");
    if !text.contains("planes that the pipeline needs") {
        assert!(text.contains("1 field FAILED") && text.contains(&name), "{text}");
    }
    fs::write(&file, b"II*\0").unwrap();
    let (code, text) = run(&place, &args!["run", pipeline(), copy, "-o", "known", "--no-cache"]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("1 field FAILED") && text.contains(&name), "{text}");
    assert_eq!(text.matches("/copy").count(), 1, "the place is told once: {text}");
    let (code, text) = run(&place, &skip("corrupt"));
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("is corrupt") && text.contains(&name), "{text}");
    assert_eq!(states(&place.path("corrupt")), [7, 0, 1, 0, 0]);
    for table in ["plate.csv", "nuclei/E08.csv", "nuclei/E08.json"] {
        let read = |out: &str| fs::read_to_string(place.path(out).join("results").join(table));
        assert_eq!(read("missing").unwrap(), read("corrupt").unwrap(), "{table}");
    }
    for (out, state) in [("missing", "missing"), ("corrupt", "corrupt"), ("known", "corrupt")] {
        let manifest = manifest(&place.path(out));
        let inventory = &manifest["inventory"];
        assert_eq!((&inventory["present"], &inventory[state]), (&39.into(), &1.into()), "{out}");
        let page = fs::read_to_string(place.path(out).join("report.html")).unwrap();
        assert!(page.contains("1 of 40 planes of the plate is missing or corrupt"), "{out}");
    }
    let entry = manifest(&place.path("corrupt"))["units"][7].clone();
    assert_eq!(entry["damaged"][0]["state"], "corrupt", "{entry}");
    assert!(entry["remark"].as_str().unwrap().contains("is corrupt"), "{entry}");
    let page = fs::read_to_string(place.path("corrupt/report.html")).unwrap();
    assert!(page.contains("<figcaption>E08_a002_s002, incomplete</figcaption>"));

    // Nothing is done a second time, and the same is told.
    let before = fs::read(place.path("corrupt/run.json")).unwrap();
    let (code, text) = run(&place, &skip("corrupt"));
    assert!(code == 5 && text.contains("all of them done before"), "{text}");
    assert_eq!(fs::read(place.path("corrupt/run.json")).unwrap(), before);
    // Once it is whole only that field is done, whatever is said of missing planes.
    fs::write(&file, &whole).unwrap();
    let (code, text) = run(&place, &args!["run", pipeline(), copy, "-o", "corrupt"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(states(&place.path("corrupt")), [1, 7, 0, 0, 0]);
    // Once it is gone again, so are the results that were made of it.
    fs::remove_file(&file).unwrap();
    assert_eq!(run(&place, &with(&skip("corrupt"), &["--no-cache"])).0, 5);
    assert_eq!(states(&place.path("corrupt")), [0, 7, 1, 0, 0]);
    let counts = |out: &str| {
        place.json(args!["check", place.path(out).join("images/project.zarr")])["counts"].clone()
    };
    assert_eq!(counts("corrupt"), counts("missing"));
}

#[test]
fn a_run_goes_on_with_more_wells_and_says_what_differs_otherwise() {
    let place = Place::new();
    let out = place.path("out");
    let all = args!["run", pipeline(), plate(), "-o", out];
    place.run(with(&all, &["--wells", "E07", "--fields", "2"]));
    assert_eq!(states(&out), [2, 0, 0, 0, 0]);
    let (code, text) = run(&place, &with(&all, &["--wells", "E08"]));
    assert_eq!(code, 4, "{text}");
    for part in ["wells E07 fields 2 → wells E08, without `E07_a001_s002`", "--replace"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let other = other_pipeline(&place, "sigma = 2", "sigma = 3");
    let (code, text) = run(&place, &args!["run", other, plate(), "-o", out]);
    assert!(code == 4 && text.contains("sigma of gaussian: 2 → 3"), "{text}");
    place.run(with(&all, &["--wells", "E07"]));
    assert_eq!(states(&out), [2, 2, 0, 0, 0]);
    place.run(&all);
    assert_eq!(states(&out), [4, 4, 0, 0, 0]);
    // Nothing tells the results from those of one run.
    place.run(args!["run", pipeline(), plate(), "-o", "once"]);
    super::mend::for_each_file(&out, &|file| {
        let below = file.strip_prefix(&out).unwrap();
        let is_of_run =
            ["units", "run.json", "report.html"].iter().any(|own| below.starts_with(own));
        let other = place.path("once").join(below);
        assert!(other.is_file(), "{}", below.display());
        if !is_of_run {
            assert!(fs::read(file).unwrap() == fs::read(other).unwrap(), "{}", below.display());
        }
    });
    super::mend::for_each_file(&place.path("once"), &|file| {
        let below = file.strip_prefix(place.path("once")).unwrap().to_owned();
        assert!(out.join(&below).is_file(), "{}", below.display());
    });
    let json = place.json(args!["validate", out.join("images/project.zarr")]);
    assert_eq!(json["valid"], true, "{json}");
}

#[test]
fn results_go_into_a_folder_of_their_own() {
    let place = Place::new();
    fs::write(place.path("afile"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("link")).unwrap();
    for (out, part) in [
        (".", "has other things in it, and no results of a run: `afile`"),
        ("afile", "is a file, and results go into a folder"),
        ("afile/out", "is a file, and results go into a folder"),
        ("link", "is a link to nowhere, which is not there"),
    ] {
        let errors = place.fail(4, args!["run", pipeline(), plate(), "-o", out]);
        assert!(errors.contains(part) && errors.contains("hint: "), "{out}: {errors}");
    }
    fs::create_dir(place.path("empty")).unwrap();
    place.run(args!["run", pipeline(), plate(), "-o", "empty", "--wells", "E07"]);
}

#[test]
fn only_what_was_asked_for_counts() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    fs::write(place.path("p.zarr/E/08/zarr.json"), "{").unwrap();
    let of =
        |wells: &str, out: &str| args!["run", pipeline(), "p.zarr", "-o", out, "--wells", wells];
    let (code, text) = run(&place, &of("E07", "out"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("note: 1 well of the plate was passed over"), "{text}");
    assert!(text.contains("nothing that was asked for depends on it"), "{text}");
    assert_eq!(manifest(&place.path("out"))["passed_over"], 0);
    let (code, text) = run(&place, &args!["run", pipeline(), "p.zarr", "-o", "all"]);
    assert!(
        code == 5
            && text.contains("\n1 part of the plate (image files, wells, metadata) COULD NOT"),
        "{text}"
    );
}

#[test]
fn a_heatmap_of_no_column_is_told_before_the_run_on_a_plate_with_gaps_too() {
    let place = Place::new();
    let (copy, file) = copy(&place);
    fs::remove_file(file).unwrap();
    let report = "report = { heatmaps = [\"nuclei_cuont\"] }\ndescription";
    let other = other_pipeline(&place, "description", report);
    let command = args!["run", other, copy, "-o", "out", "--missing", "skip"];
    let errors = place.fail(2, &command);
    assert!(errors.contains("other.toml:4:24: no step makes a column `nuclei_cuont`"), "{errors}");
    assert!(errors.contains("did you mean `nuclei_count`?"), "{errors}");
    assert!(!place.path("out").exists());
    // What it says to do can be done; the demo works on the stacks.
    let mut stack = fs::read_dir(copy.join("ZStep_1")).unwrap().map(|entry| entry.unwrap().path());
    let is_image = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.contains("E07_s2_w1") && !name.contains("thumb")
    };
    fs::remove_file(stack.find(is_image).unwrap()).unwrap();
    assert!(place.fail(5, args!["demo", "--plate", copy]).contains("--missing skip"));
    let demo = args!["demo", "--plate", copy, "--missing", "skip", "-o", "demo"];
    let (code, text) = run(&place, &demo);
    assert!(code == 5 && text.contains("1 field NOT DONE, or IN PART"), "{text}");
}

/// `run.json`, tables, page and exit code of a run over a plate with a lost plane, a damaged one,
/// a field of which nothing is left and an image file that could not be used.
#[test]
fn everything_that_a_run_leaves_tells_the_same_of_a_bad_plate() {
    let place = Place::new();
    let (copy, file) = copy(&place);
    fs::write(&file, b"II*\0").unwrap();
    // All of field 1 of the projections in E07 is damaged; E08 lacks a plane.
    for entry in fs::read_dir(&copy).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("_E07_s1_w") && !name.contains("thumb") {
            fs::write(&path, b"II*\0").unwrap();
        } else if name.contains("_E08_s1_w3") {
            fs::remove_file(&path).unwrap();
        }
    }
    std::os::unix::fs::symlink("nowhere.tif", copy.join("dangling_E07_s9_w3.tif")).unwrap();
    let out = place.path("out");
    let (code, text) = run(&place, &args!["run", pipeline(), copy, "-o", out, "--missing", "skip"]);
    assert_eq!(code, 5, "{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("E07 2 1/2 ") && words.contains("E08 2 0/2 (2 in"), "{text}");
    for part in [
        "3 fields NOT DONE, or IN PART",
        "1 part of the plate (image files, wells, metadata) COULD NOT BE USED",
        "note: E07_a002_s001: nothing is done, because 3 planes are corrupt",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let manifest = manifest(&out);
    assert_eq!((&manifest["state"], &manifest["passed_over"]), (&"incomplete".into(), &1.into()));
    let inventory = &manifest["inventory"];
    let counts = ["present", "missing", "corrupt"].map(|state| inventory[state].as_u64().unwrap());
    assert_eq!(counts, [35, 1, 4]);
    assert_eq!(states(&out), [5, 0, 2, 1, 0]);
    let units = manifest["units"].as_array().unwrap();
    let left_out = units.iter().find(|unit| unit["state"] == "left_out").unwrap();
    assert_eq!(left_out["name"], "E07_a002_s001");
    assert!(left_out["remark"].as_str().unwrap().contains("3 planes are corrupt"), "{left_out}");
    let rows = fs::read_to_string(out.join("results/plate.csv")).unwrap();
    for row in ["E07,5,7,1,2,2,0,true,", "E07,5,7,2,2,1,0,false,", "E08,5,8,2,2,0,2,false,"] {
        assert!(rows.lines().any(|line| line.starts_with(row)), "{row}: {rows}");
    }
    for (well, unit, state) in
        [("E07", "E07_a002_s001", "left_out"), ("E08", "E08_a002_s002", "partial")]
    {
        let text = fs::read_to_string(out.join(format!("results/nuclei/{well}.json"))).unwrap();
        let table: Value = serde_json::from_str(&text).unwrap();
        let fields = table["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["name"] == unit).unwrap();
        assert_eq!(field["state"], state, "{unit}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "3 fields are not done, or in part",
        "5 of 40 planes of the plate are missing or corrupt",
        "1 image file or well of the plate could not be used",
        "5 done, 2 done in part, 1 left out",
        "0 of 2, 2 in part",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

/// A stray file comes and goes, as `check` says it should: the results stay, and their store
/// tells of the source as it is now.
#[test]
fn a_run_goes_on_when_files_that_cannot_be_used_come_and_go() {
    let place = Place::new();
    let (copy, file) = copy(&place);
    let command = args!["run", pipeline(), copy, "-o", "out"];
    assert_eq!(run(&place, &command).0, 0);
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let stray = copy.join(format!("{name} (1).tif"));
    fs::copy(&file, &stray).unwrap();
    for (stray_is_there, expected) in [(true, 5), (false, 0)] {
        if !stray_is_there {
            fs::remove_file(&stray).unwrap();
        }
        let (code, text) = run(&place, &command);
        assert_eq!(code, expected, "{text}");
        assert_eq!(states(&place.path("out")), [0, 8, 0, 0, 0]);
        let state = if stray_is_there { "incomplete" } else { "complete" };
        assert_eq!(manifest(&place.path("out"))["state"], state);
        let (code, text) = run(&place, &args!["check", "out/images/project.zarr"]);
        assert_eq!(code, expected, "{text}");
    }
}

#[test]
fn one_run_at_a_time_writes_into_a_folder() {
    let place = Place::new();
    let out = place.path("out");
    fs::create_dir(&out).unwrap();
    let held = polystore::atomic::Held::folder(&out, "run").unwrap();
    let command = args!["run", pipeline(), plate(), "-o", out];
    let errors = place.fail(8, &command);
    assert!(errors.contains("another run is writing here"), "{errors}");
    assert!(errors.contains("hint: wait until it is done"), "{errors}");
    drop(held);
    assert!(fs::read_dir(&out).unwrap().next().is_none());
    // Of two that begin together, one at least is done; what the other says is true.
    let ended = std::thread::scope(|scope| {
        let begin = || scope.spawn(|| place.command().args(&command).output().unwrap());
        [begin(), begin()].map(|run| run.join().unwrap())
    });
    let codes: Vec<_> = ended.iter().map(|output| output.status.code().unwrap()).collect();
    for (output, code) in ended.iter().zip(&codes) {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(*code == 0 || *code == 8 && errors.contains("another run"), "{code}: {errors}");
    }
    assert!(codes.contains(&0), "{codes:?}");
    let (code, text) = run(&place, &command);
    assert!(code == 0 && text.contains("all of them done before"), "{text}");
}

#[test]
fn a_plate_of_which_nothing_is_left_says_which_planes() {
    let place = Place::new();
    let (copy, _) = copy(&place);
    let mut folders = vec![copy.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => fs::write(path, "no image").unwrap(),
            }
        }
    }
    for more in [&[][..], &["--missing", "skip"]] {
        let command = with(&args!["run", pipeline(), copy, "-o", "out"], more);
        let errors = place.fail(5, &command);
        assert!(errors.contains("planes that the pipeline needs are corrupt"), "{errors}");
        assert_eq!(errors.contains("--missing skip"), more.is_empty(), "{errors}");
    }
    assert!(!place.path("out/run.json").exists());
}

/// As a cut TIFF: the chunk is read, and its bytes are not what was written.
#[test]
fn a_damaged_chunk_is_left_out_like_a_plane_that_is_missing() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    let chunk = place.path("p.zarr/E/08/0/0/c/0/0/0/0/0");
    let bytes = fs::read(&chunk).unwrap();
    fs::write(&chunk, &bytes[..bytes.len() / 2]).unwrap();
    let command = args!["run", pipeline(), "p.zarr", "-o", "out"];
    let (code, text) = run(&place, &command);
    assert!(code == 5 && text.contains("E/08/0/0/c/0/0/0/0/0: chunk is"), "{text}");
    let (code, text) = run(&place, &with(&command, &["--missing", "skip"]));
    assert!(code == 5 && text.contains("NOT DONE, or IN PART"), "{text}");
    let [done, kept, partial, left_out, failed] = states(&place.path("out"));
    assert_eq!(failed, 0, "{text}");
    assert!(partial + left_out == 1 && done + kept > 0, "{text}");
}
