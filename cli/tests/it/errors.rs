//! Errors name what is wrong and what to do, and each kind has its exit code.

use super::{Place, args, plate};

#[test]
fn wrong_names_are_told_with_the_right_ones() {
    let place = Place::new();
    let cases: [(i32, &[&str], &str); 8] = [
        (3, &["info", "nowhere"], "nowhere: cannot open"),
        (3, &["show", "PLATE", "--well", "E09", "-o", "x.png"], "did you mean `E07` or `E08`?"),
        (2, &["show", "PLATE", "--channels", "DAPI", "-o", "x.png"], "there are FITC_05"),
        (2, &["info", "PLATE", "--microscope", "imagxpress"], "did you mean `imagexpress`?"),
        (2, &["functions", "gausian"], "did you mean `gaussian`?"),
        (2, &["convert", "PLATE", "x.zarr", "--codec", "zstdd"], "zstd"),
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
