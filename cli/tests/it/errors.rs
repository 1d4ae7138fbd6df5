//! Errors name what is wrong and what to do, and each kind has its exit code.

use super::{Place, args, plate};

#[test]
fn wrong_names_are_told_with_the_right_ones() {
    let place = Place::new();
    let cases: [(i32, &[&str], &str); 14] = [
        (3, &["info", "nowhere"], "nowhere: cannot open"),
        (3, &["show", "PLATE", "--well", "E09", "-o", "x.png"], "did you mean `E07` or `E08`?"),
        (3, &["show", "PLATE", "--channels", "FITC_50", "-o", "x.png"], "did you mean `FITC_05`"),
        (2, &["show", "PLATE", "-o", "x.jpg"], "give it a name that ends with `.png`"),
        (2, &["convert", "PLATE", "files", "--codec", "blosc"], "blosc"),
        (2, &["convert", "PLATE", "zarr:x"], "write the path alone, `x`"),
        (2, &["convert", "PLATE", "x.zarr", "--to", "tiff"], "choose a name without `.zarr`"),
        (2, &["run", "x.toml", "PLATE", "-o", "x", "--threads", "100000"], "at most 1024"),
        (2, &["info", "PLATE", "--microscope", "imagxpress"], "did you mean `imagexpress`?"),
        (2, &["functions", "gausian"], "did you mean `gaussian`?"),
        (2, &["convert", "PLATE", "x.zarr", "--codec", "zstdd"], "zstd"),
        (2, &["convert", "PLATE", "x.zarr", "--codec", "lzw"], "known: none, zstd, blosc, gzip"),
        (2, &["no-such-command"], "unrecognized subcommand"),
        (2, &["check", "PLATE", "--depth", "deep"], "possible values"),
    ];
    for (code, arguments, part) in cases {
        let arguments = arguments.iter().map(|argument| match *argument {
            "PLATE" => plate().into_os_string(),
            other => other.into(),
        });
        let errors = place.fail(code, arguments);
        assert!(errors.contains(part), "{part} is not in:\n{errors}");
    }
    assert!(
        std::fs::read_dir(place.0.path())
            .unwrap()
            .all(|entry| { entry.unwrap().file_name() == ".cache" })
    );
}

#[test]
fn a_folder_that_is_no_plate_is_told() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder")).unwrap();
    std::fs::write(place.path("folder/notes.txt"), "nothing").unwrap();
    let errors = place.fail(5, args!["check", "folder"]);
    assert!(errors.contains("folder") && errors.contains("polystore microscopes"), "{errors}");
    let errors = place.fail(2, args!["check", "folder/notes.txt"]);
    assert!(errors.contains("is a file; a plate is a folder"), "{errors}");
}

#[test]
fn a_layout_is_refused_where_there_are_no_files_to_read_by_it() {
    let place = Place::new();
    place.run(args!["convert", plate(), "out.zarr"]);
    let errors = place.fail(2, args!["info", "out.zarr", "--microscope", "harmony"]);
    assert!(errors.contains("its layout is `imagexpress`"), "{errors}");
    place.fail(2, args!["info", "out.zarr", "--pattern", "(?<well>A01).tif"]);
    let text = place.run(args!["info", "out.zarr", "--microscope", "imagexpress"]);
    assert!(text.contains("imagexpress"), "{text}");
}

#[test]
fn stores_that_are_no_plate_say_what_they_are() {
    let place = Place::new();
    place.run(args!["convert", plate(), "out.zarr"]);
    let errors = place.fail(5, args!["info", "out.zarr/E/07"]);
    assert!(errors.contains("a well of a plate") && errors.contains("open the plate"), "{errors}");
    std::fs::write(place.path("out.zarr/zarr.json"), "{bad").unwrap();
    let errors = place.fail(5, args!["info", "out.zarr"]);
    assert!(errors.contains("out.zarr/zarr.json: metadata is not as NGFF has it"), "{errors}");
}

#[test]
fn a_plan_is_saved_over_a_plan_only() {
    let place = Place::new();
    std::fs::write(place.path("notes.json"), "{}").unwrap();
    let errors = place.fail(4, args!["plan", pipeline(), plate(), "--save", "notes.json"]);
    assert!(errors.contains("notes.json: a file that is no plan is there"), "{errors}");
    assert_eq!(std::fs::read_to_string(place.path("notes.json")).unwrap(), "{}");
    for _ in 0..2 {
        place.run(args!["plan", pipeline(), plate(), "--save", "plan.json"]);
    }
    // What a run did looks like a plan.
    place.run(args!["run", pipeline(), plate(), "-o", "results"]);
    place.fail(4, args!["plan", pipeline(), plate(), "--save", "results/run.json"]);
}

#[test]
fn a_source_plate_is_never_written_into() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let before = place.run(args!["ls", copy]);
    place.run(args!["info", copy]);
    place.run(args!["check", copy, "--depth", "pixels"]);
    for arguments in [
        args!["run", pipeline(), copy, "-o", copy.join("results")].to_vec(),
        args!["convert", copy, copy.join("plate.zarr")].to_vec(),
        args!["show", copy, "-o", copy.join("x.png")].to_vec(),
        args!["plan", pipeline(), copy, "--save", copy.join("plan.json")].to_vec(),
        args!["convert", copy, copy.join("below/fields"), "--to", "ome-tiff"].to_vec(),
    ] {
        let errors = place.fail(7, arguments);
        assert!(errors.contains("is inside the plate"), "{errors}");
    }
    let errors = place.fail(7, args!["cp", pipeline(), copy.join("nuclei.toml")]);
    assert!(errors.contains("is a source plate"), "{errors}");
    assert_eq!(place.run(args!["ls", copy]), before);
}

fn pipeline() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nuclei.toml")
}

/// Results and pictures of one plate do not go into another.
#[test]
fn another_source_plate_is_not_written_into_either() {
    let place = Place::new();
    let other = place.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("other.HTD"), "\"HTSInfoFile\", Version 1.0").unwrap();
    for arguments in [
        args!["run", pipeline(), plate(), "-o", other].to_vec(),
        args!["run", pipeline(), plate(), "-o", other.join("results")].to_vec(),
        args!["convert", plate(), other.join("plate.zarr")].to_vec(),
        args!["convert", plate(), other.join("fields")].to_vec(),
        args!["show", plate(), "-o", other.join("x.png")].to_vec(),
        args!["demo", "-o", other].to_vec(),
    ] {
        let errors = place.fail(7, arguments);
        assert!(errors.contains("is a source plate, which is never written into"), "{errors}");
    }
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1);
    // A plate without the vendor's metadata, its folders, and those beside the index.
    let images = [
        "names/Screen_A01_s1_w1.TIF",
        "names/Screen_A01_s2_w1.TIF",
        "steps/TimePoint_1/ZStep_1/Screen_A01_s1_w1.TIF",
        "steps/TimePoint_1/ZStep_2/Screen_A01_s1_w1.TIF",
        "operetta/Images/r01c01f01p01-ch1sk1fk1fl1.tiff",
        "operetta/Images/Index.idx.xml",
        "operetta/Assaylayout/layout.xml",
    ];
    for image in images {
        let image = place.path(image);
        std::fs::create_dir_all(image.parent().unwrap()).unwrap();
        std::fs::write(image, "").unwrap();
    }
    place.run(args!["convert", plate(), "store.zarr"]);
    let folders = ["names", "steps", "steps/TimePoint_1", "operetta", "operetta/Assaylayout"];
    for folder in folders.into_iter().chain(["store.zarr", "store.zarr/E/07", "new.zarr"]) {
        let folder = place.path(folder);
        let before = std::fs::read_dir(&folder).map(Iterator::count).unwrap_or(0);
        for arguments in [
            args!["run", pipeline(), plate(), "-o", folder.join("results")].to_vec(),
            args!["convert", plate(), folder.join("plate.zarr")].to_vec(),
            args!["convert", plate(), folder.join("fields")].to_vec(),
            args!["show", plate(), "-o", folder.join("x.png")].to_vec(),
        ] {
            let errors = place.fail(7, arguments);
            assert!(errors.contains("write beside it"), "{errors}");
        }
        let after = std::fs::read_dir(&folder).map(Iterator::count).unwrap_or(0);
        assert_eq!(after, before, "{}", folder.display());
    }
    // Pictures that have names of wells make no source plate of their folder.
    std::fs::create_dir(place.path("pictures")).unwrap();
    for name in ["pictures/E07.png", "pictures/E08.png"] {
        place.run(args!["show", plate(), "--well", "E07", "--size", "64", "-o", name]);
    }
}

#[test]
fn damaged_metadata_of_a_microscope_is_named() {
    let place = Place::new();
    let images = place.path("measurement/Images");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::write(images.join("Index.idx.xml"), "<!DOCTYPE a><EvaluationInputData/>").unwrap();
    let errors = place.fail(5, args!["info", "measurement"]);
    assert!(errors.contains("measurement/Images/Index.idx.xml: "), "{errors}");
}

#[test]
fn errors_of_a_csv_name_it_and_the_line() {
    let place = Place::new();
    let folder = place.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let planes = place.run(args!["ls", plate(), "--planes"]);
    place.run(args!["cp", planes.lines().next().unwrap(), folder.join("a.tif")]);
    let table = place.path("table.csv");
    let path = table.to_str().unwrap();
    for (code, content, part) in [
        (5, "file,well\na.tif,A01\nb.tif,Q99x\n", "line 3: well is `Q99x`"),
        (5, "file,well\na.tif,A01\nb.tif\n", "line 3: has 1 value; the header has 2"),
        (5, "file,wel\na.tif,A01\n", "line 1: has a column `wel`"),
        (5, "file,well\na.tif,A01\n../b.tif,A02\n", "line 3: file `../b.tif`"),
        (3, "file,well\nnot-there.tif,A01\n", "not-there.tif (line 2)"),
        (9, "file,well,page,t\na.tif,A01,0,0\na.tif,A02,1,900000000\n", "900000001 planes"),
    ] {
        std::fs::write(&table, content).unwrap();
        let errors = place.fail(code, args!["check", folder, "--csv", table]);
        assert!(errors.contains(path) && errors.contains(part), "{part} is not in:\n{errors}");
    }
    std::fs::write(&table, "file,well\na.tif,A01\nb.tif,A02\n").unwrap();
    let json = place.json(args!["check", folder, "--csv", table]);
    assert_eq!(json["notes"][0], format!("1 file of {path} is not there: b.tif (line 3)"));
    let errors = place.fail(3, args!["check", folder, "--csv", "nowhere.csv"]);
    assert!(errors.contains("nowhere.csv: cannot read the CSV"), "{errors}");
}

#[test]
fn a_store_that_is_not_there_is_told_as_by_other_commands() {
    let place = Place::new();
    let errors = place.fail(3, args!["validate", "nowhere.zarr"]);
    assert!(errors.contains("nowhere.zarr: there is no store"), "{errors}");
    assert!(errors.contains("hint: check the spelling"), "{errors}");
    let output = place.command().args(args!["validate", "nowhere", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["valid"], false);
    // The runner of the conformance cases takes any other code for a crash.
    let answer = place.run(args!["validate", "--conformance", "nowhere"]);
    assert!(answer.starts_with(r#"{"valid":false"#) && answer.contains("1 error;"), "{answer}");
}

#[test]
fn json_is_refused_where_there_is_none() {
    let place = Place::new();
    std::fs::write(place.path("a.txt"), "text").unwrap();
    for arguments in [args!["completions", "bash"], args!["cat", "a.txt"]] {
        let errors = place.fail(2, arguments.iter().chain(&args!["--json"]));
        assert!(errors.contains("--json cannot be honoured"), "{errors}");
        assert!(errors.contains("hint: leave out --json"), "{errors}");
    }
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let place = Place::new();
    let pipeline = super::pipelines::pipeline();
    for (option, value, told) in [
        ("--memory", "0", "at least 16"),
        ("--memory", "15", "at least 16"),
        ("--threads", "0", "at least 1"),
    ] {
        let errors = place.fail(2, args!["run", pipeline, plate(), "-o", "r", option, value]);
        assert!(errors.contains(told), "{errors}");
    }
    place.fail(2, args!["bench", plate(), "--planes", "0"]);
    let errors = place.fail(2, args!["convert", plate(), "o", "--to", "tiff", "--levels", "3"]);
    assert!(errors.contains("no pyramid") && errors.contains("--to ome-tiff"), "{errors}");
    assert!(!place.path("o").exists());
    // Nothing is made that was not asked for.
    let errors = place.fail(3, args!["plan", pipeline, plate(), "--save", "a/b/plan.json"]);
    assert!(errors.contains("a/b: there is no such folder"), "{errors}");
    assert!(!place.path("a").exists());
    std::fs::create_dir(place.path("d")).unwrap();
    let errors = place.fail(2, args!["plan", pipeline, plate(), "--save", "d"]);
    assert!(errors.contains("d: is a folder") && errors.contains("d/plan.json"), "{errors}");
    std::fs::write(place.path("a.txt"), "a").unwrap();
    let errors = place.fail(3, args!["cp", "a.txt", "new/"]);
    assert!(errors.contains("no such folder") && errors.contains("new/a.txt"), "{errors}");
    assert!(!place.path("new").exists());
    place.run(args!["cp", "a.txt", "new/a.txt"]);
}

#[test]
fn wells_that_are_not_there_are_told_alike() {
    let place = Place::new();
    let pipeline = super::pipelines::pipeline();
    for arguments in [
        args!["run", pipeline, plate(), "-o", "r", "--wells", "Z99"].to_vec(),
        args!["plan", pipeline, plate(), "--wells", "Z99"].to_vec(),
        args!["show", plate(), "--well", "Z99", "-o", "a.png"].to_vec(),
    ] {
        let errors = place.fail(3, arguments);
        assert!(errors.contains("has no well Z99"), "{errors}");
        assert!(errors.contains("\n  hint: known: E07, E08"), "{errors}");
    }
}

#[test]
fn parts_of_a_plate_say_what_they_are() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    let store = place.path("p.zarr").display().to_string();
    for (command, part, what) in [
        ("info", "p.zarr/E", "row of a plate"),
        ("info", "p.zarr/E/07", "is a well of a plate"),
        ("check", "p.zarr/E/07/0", "is an image, no plate"),
    ] {
        let errors = place.fail(5, args![command, part]);
        assert!(errors.contains(what) && errors.contains(&format!("open the plate, {store}")));
    }
    let errors = place.fail(5, args!["convert", "p.zarr/E/07/0", "o.zarr"]);
    assert!(errors.contains("polystore cp"), "{errors}");
    // A place is told once, and in full.
    let errors = place.fail(3, args!["info", "p.zarr/nope"]);
    assert!(errors.contains(&format!("error: {store}/nope: nothing is here")), "{errors}");
}

#[test]
fn a_folder_that_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let locked = place.path("locked");
    std::fs::create_dir(&locked).unwrap();
    let mode = |mode| std::fs::set_permissions(&locked, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o000);
    // Who may read everything has to be somebody else for this.
    let is_all_powerful = std::fs::read_dir(&locked).is_ok();
    let mut command = match is_all_powerful {
        false => place.command(),
        true => {
            std::fs::set_permissions(place.path(""), PermissionsExt::from_mode(0o755)).unwrap();
            let mut command = assert_cmd::Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(env!("CARGO_BIN_EXE_polystore")).current_dir(place.path(""));
            command.env("POLYSTORE_CACHE_DIR", "");
            command
        }
    };
    let output = command.args(args!["info", locked]).output().unwrap();
    mode(0o755);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{errors}");
    assert!(errors.contains(&format!("{}: cannot", locked.display())), "{errors}");
    assert!(!errors.contains("polystore-plate.json"), "{errors}");
}

#[test]
fn files_that_were_cut_short_say_how_long_they_are() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let mut files: Vec<_> = std::fs::read_dir(&copy)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.to_string_lossy().contains("thumb"))
        .collect();
    files.sort();
    for (file, n_bytes) in files.iter().zip([5u64, 9, 50_000]) {
        std::fs::File::options().write(true).open(file).unwrap().set_len(n_bytes).unwrap();
    }
    let json = place.json(args!["check", copy, "--depth", "pixels"]);
    let reasons = json["problems"].to_string();
    for part in ["the file ends after 5 bytes", "the file ends after 9 bytes", "the file has 50000"]
    {
        assert!(reasons.contains(part), "{part}: {reasons}");
    }
    assert!(!reasons.contains("whole buffer"), "{reasons}");
}
