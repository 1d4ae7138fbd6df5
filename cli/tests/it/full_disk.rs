//! Places that take no more: a full disk, a read-only folder, standard output on a full disk.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{Place, args, pipelines::pipeline, plate};

/// A file system of its own, mounted at a folder for as long as this lives.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// Mounts a small file system at `folder`, where this process may.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so out loud")]
fn mount<'a>(folder: &'a Path, options: &str) -> Option<Mounted<'a>> {
    fs::create_dir_all(folder).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
    if mounted.is_ok_and(|output| output.status.success()) {
        return Some(Mounted(folder));
    }
    let reason = "a small file system cannot be mounted here";
    if std::env::var("POLYSTORE_REQUIRE").is_ok_and(|required| required == "all") {
        panic!("mount is required, but {reason}");
    }
    eprintln!("SKIPPED, not passed: {reason}");
    None
}

fn unfinished(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(unfinished(&path));
        } else if path.to_string_lossy().contains(".polystore-tmp") {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_full_disk_ends_a_run_at_once() {
    let place = Place::new();
    let small = place.path("small");
    let Some(_mounted) = mount(&small, "size=900k") else { return };
    let run = args!["run", pipeline(), plate(), "-o", small.join("out")];
    let errors = place.fail(9, &run);
    assert!(errors.contains(small.join("out").to_str().unwrap()), "{errors}");
    assert!(errors.contains("free some space"), "{errors}");
    // Not one failure for each field that there was no room for.
    assert_eq!(errors.matches("failed:").count(), 0, "{errors}");
    assert_eq!(unfinished(&small), [""; 0]);
    let images = small.join("out/images");
    for name in fs::read_dir(images).unwrap().map(|entry| entry.unwrap().path()) {
        let json = place.json(args!["check", name, "--depth", "pixels"]);
        assert_eq!(json["counts"]["corrupt"], 0, "{json}");
    }
    let state = fs::read_to_string(small.join("out/run.json")).unwrap();
    assert!(!state.contains("\"state\": \"complete\""), "{state}");
    // With room, it goes on.
    let grown = Command::new("mount").args(["-o", "remount,size=200m"]).arg(&small).status();
    assert!(grown.unwrap().success());
    place.run(&run);
    assert_eq!(place.json(&run)["state"], "complete");
}

#[test]
fn a_full_disk_ends_a_conversion_with_one_exit_code() {
    let place = Place::new();
    let small = place.path("small");
    let Some(_mounted) = mount(&small, "size=6m") else { return };
    let resize = |size: &str| {
        let option = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &option]).arg(&small).status();
        assert!(status.unwrap().success());
    };
    for (to, out) in [("zarr", "a.zarr"), ("ome-tiff", "fields"), ("tiff", "planes")] {
        let out = small.join(out);
        let convert = args!["convert", plate(), out, "--to", to];
        let output = place.command().args(&convert).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(9), "{to}: {text}");
        assert_eq!(place.json(args!["check", out, "--depth", "pixels"])["counts"]["corrupt"], 0);
        resize("200m");
        let mut convert = convert.to_vec();
        convert.extend(["--resume", "--verify"].map(Into::into));
        assert!(place.run(convert).contains("every plane was read back and is the same"));
        assert_eq!(unfinished(&small), [""; 0]);
        fs::remove_dir_all(&out).unwrap();
        resize("6m");
    }
}

#[test]
fn a_read_only_target_ends_a_run_at_once() {
    let place = Place::new();
    let folder = place.path("read-only");
    let Some(_mounted) = mount(&folder, "size=900k,ro") else { return };
    let errors = place.fail(7, args!["run", pipeline(), plate(), "-o", folder.join("out")]);
    assert!(errors.contains("read-only/out"), "{errors}");
    let errors = place.fail(7, args!["convert", plate(), folder.join("out.zarr")]);
    assert!(errors.contains("read-only/out.zarr"), "{errors}");
}

#[test]
fn output_that_cannot_be_written_is_told() {
    let place = Place::new();
    for arguments in [
        args!["ls", plate(), "--planes"].to_vec(),
        args!["info", plate(), "--json"].to_vec(),
        args!["completions", "bash"].to_vec(),
        args!["--help"].to_vec(),
        args!["--version"].to_vec(),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_polystore"))
            .current_dir(place.0.path())
            .args(&arguments)
            .stdout(Stdio::from(full))
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(9), "{arguments:?}: {errors}");
        assert!(errors.contains("cannot print") && errors.contains("No space"), "{errors}");
    }
}

#[test]
fn a_pipe_that_nobody_reads_is_no_failure() {
    for arguments in ["ls PLATE --planes", "check PLATE", "info PLATE --json", "--help"] {
        let arguments = arguments.replace("PLATE", plate().to_str().unwrap());
        let command = format!(
            "(sleep 0.2; {} {arguments}; echo $? >&2) | true",
            env!("CARGO_BIN_EXE_polystore")
        );
        let output = Command::new("bash").args(["-c", &command]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n", "{arguments}");
    }
}
