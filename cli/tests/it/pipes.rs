//! Readers that go away, logs that nobody can keep, files that may not grow: what is done is the
//! same, or what could not be is told.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{Place, args, plate};

/// The exit code with nobody at the other end of standard output and standard error.
fn unread(place: &Place, arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_polystore"))
        .current_dir(place.0.path())
        .env("POLYSTORE_CACHE_DIR", place.path(".cache"))
        .args(arguments)
        .stdout(Stdio::from(writer.try_clone().unwrap()))
        .stderr(Stdio::from(writer))
        .status();
    status.unwrap().code().unwrap()
}

#[test]
fn the_work_is_done_though_the_reader_has_gone() {
    let place = Place::new();
    assert_eq!(unread(&place, args!["demo", "-o", "demo"]), 0);
    for part in ["report.html", "results/plate.csv", "images/project.zarr"] {
        assert!(place.path("demo").join(part).exists(), "{part}");
    }
    assert_eq!(unread(&place, args!["convert", plate(), "p.zarr"]), 0);
    assert_eq!(place.json(args!["check", "p.zarr"])["counts"]["present"], 40);
}

#[test]
fn the_exit_code_is_the_same_though_the_reader_has_gone() {
    let place = Place::new();
    place.run(args!["cp", plate(), "part"]);
    let files = fs::read_dir(place.path("part")).unwrap().map(|entry| entry.unwrap().path());
    let is_image = |name: &str| {
        name.to_lowercase().ends_with(".tif") && !name.to_lowercase().contains("thumb")
    };
    let image = files.into_iter().find(|path| is_image(path.to_str().unwrap())).unwrap();
    fs::remove_file(image).unwrap();
    fs::create_dir(place.path("empty.zarr")).unwrap();
    fs::write(place.path("empty.zarr/zarr.json"), "{}").unwrap();
    for (code, arguments) in [
        (0, args!["check", plate()].to_vec()),
        (5, args!["check", "part"].to_vec()),
        (5, args!["check", "part", "--json"].to_vec()),
        (5, args!["validate", "empty.zarr"].to_vec()),
        (5, args!["validate", "empty.zarr", "--json"].to_vec()),
        (5, args!["convert", "part", "part.zarr"].to_vec()),
        (3, args!["info", "nowhere"].to_vec()),
        (2, args!["--bogus"].to_vec()),
        (2, args!["check"].to_vec()),
        (0, args!["--help"].to_vec()),
        (0, args!["--version"].to_vec()),
        (0, args!["completions", "bash"].to_vec()),
        (0, args!["cat", "empty.zarr/zarr.json"].to_vec()),
    ] {
        assert_eq!(unread(&place, arguments.clone()), code, "{arguments:?}");
    }
}

/// Logs come from worker threads too, which must not panic over them.
#[test]
fn logs_that_cannot_be_written_are_dropped() {
    let place = Place::new();
    place.run(args!["convert", plate(), "planes", "--to", "tiff", "--codec", "deflate"]);
    // The header stays whole: that the pixels are not is found, and logged, when they are read.
    let damaged = place.path("planes/E07/E07_a001_s001_z000_c000.tif");
    let mut content = fs::read(&damaged).unwrap();
    let middle = content.len() / 2;
    content[middle..middle + 3000].fill(0);
    fs::write(&damaged, content).unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_polystore"))
        .current_dir(place.0.path())
        .env("POLYSTORE_CACHE_DIR", place.path(".cache"))
        .args(["-v", "convert", "planes", "p.zarr"])
        .stdout(Stdio::null())
        .stderr(Stdio::from(full))
        .status();
    assert_eq!(status.unwrap().code(), Some(5));
    assert_eq!(place.json(args!["check", "p.zarr"])["counts"]["present"], 39);
}

/// `ulimit -f` is told as a full disk is; its signal would end the process without a word.
#[test]
fn a_limit_on_the_size_of_files_is_told() {
    let place = Place::new();
    let toml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nuclei.toml");
    for (command, part) in [
        ("cp PLATE copy", "ulimit -f"),
        ("convert PLATE p.zarr", "NOT TRIED, because there is no room left"),
        ("convert PLATE fields", "NOT TRIED, because there is no room left"),
        ("run TOML PLATE -o out", "ulimit -f"),
        ("ls PLATE --planes > listing", "cannot print"),
        ("--help > help", "cannot print"),
    ] {
        let arguments = command
            .replace("PLATE", plate().to_str().unwrap())
            .replace("TOML", toml.to_str().unwrap());
        let n_blocks = if command.contains('>') { 0 } else { 30 };
        let line = format!("ulimit -f {n_blocks}; {} {arguments}", env!("CARGO_BIN_EXE_polystore"));
        let mut bash = Command::new("bash");
        bash.current_dir(place.0.path()).env("POLYSTORE_CACHE_DIR", place.path(".cache"));
        let output = bash.args(["-c", &line]).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(output.status.code(), Some(9), "{command}: {told}");
        assert!(told.contains(part), "{command}: {told}");
    }
    assert!(!place.path("copy").exists());
}
