//! Stores on disk and in zip files, with what file systems can do to them.

use std::{fs, io::Write, os::unix::fs::symlink, path::Path};

use super::{fixture::Fixture, rules_of};
use crate::ngff::{Options, Report, Version, conformance_answer, validate};

/// The rules that are broken here.
pub(super) const RULES: &[&str] = &[
    "store/not-found",
    "store/unreadable",
    "store/name-not-utf8",
    "store/broken-link",
    "store/link-outside",
    "store/special-file",
];

fn write(fixture: &Fixture, root: &Path) {
    for (key, bytes) in &fixture.store.0 {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn zip(fixture: &Fixture, path: &Path, prefix: &str) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (key, bytes) in &fixture.store.0 {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{prefix}{key}"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

fn report(path: &Path) -> Report {
    validate(path, &Options::default())
}

/// A plate in a folder, changed by `change`; the ids of the rules that are then broken.
fn broken(change: impl FnOnce(&Path)) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("plate.zarr");
    write(&Fixture::plate(Version::V04), &root);
    change(&root);
    rules_of(&report(&root)).into_iter().collect()
}

#[test]
fn folders_and_zip_files_give_the_report_of_the_store_in_memory() {
    for version in [Version::V04, Version::V05] {
        let mut fixture = Fixture::plate(version);
        fixture.put(&fixture.chunk("A/2/1/0", "1/0/0"), b"");
        fixture.consolidate();
        let folder = tempfile::tempdir().unwrap();
        write(&fixture, &folder.path().join("plate.zarr"));
        zip(&fixture, &folder.path().join("plate.zip"), "");
        zip(&fixture, &folder.path().join("nested.zip"), "plate.zarr/");
        for name in ["plate.zarr", "plate.zip", "nested.zip"] {
            assert_eq!(report(&folder.path().join(name)), fixture.report(), "{name}");
        }
    }
}

#[test]
fn links_are_followed_inside_the_store_only() {
    let inside = broken(|root| {
        fs::remove_dir_all(root.join("A/2/1")).unwrap();
        symlink("../1/1", root.join("A/2/1")).unwrap();
    });
    assert!(inside.is_empty(), "{inside:?}");
    let outside = broken(|root| {
        let elsewhere = root.with_file_name("elsewhere");
        fs::rename(root.join("A/2/1"), &elsewhere).unwrap();
        symlink(elsewhere, root.join("A/2/1")).unwrap();
    });
    assert_eq!(outside, ["store/link-outside"]);
}

#[test]
fn links_in_a_circle_end() {
    let circle = broken(|root| {
        symlink("loop", root.join("A/2/loop")).unwrap();
        symlink("../..", root.join("A/2/up")).unwrap();
    });
    assert_eq!(circle, ["store/broken-link", "well/images/unlisted"]);
}

#[test]
fn pipes_are_not_opened() {
    let pipe = broken(|root| {
        let path = root.join("A/2/1/.zattrs");
        fs::remove_file(&path).unwrap();
        let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(status.success());
    });
    assert!(pipe.contains(&"store/special-file"), "{pipe:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_reported() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let names = broken(|root| {
        fs::write(root.join("A/2").join(OsStr::from_bytes(b"caf\xe9")), b"x").unwrap();
    });
    assert_eq!(names, ["store/name-not-utf8"]);
}

#[test]
fn unreadable_folders_are_reported() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("plate.zarr");
    write(&Fixture::plate(Version::V04), &root);
    let hidden = root.join("A/2");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything, and has nothing to report.
    let may_read = fs::read_dir(&hidden).is_ok();
    let found = report(&root);
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(may_read || rules_of(&found) == ["store/unreadable"].into(), "{found:#?}");
}

#[test]
fn what_is_no_store_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("plate.txt");
    fs::write(&text, b"no zip").unwrap();
    let truncated = folder.path().join("plate.zip");
    fs::write(&truncated, b"PK\x03\x04").unwrap();
    for (path, rule) in [
        (folder.path().join("nothing"), "store/not-found"),
        (text, "store/no-zarr"),
        (truncated, "store/no-zarr"),
        (folder.path().to_owned(), "store/no-zarr"),
    ] {
        let found = report(&path);
        assert!(!found.valid);
        assert_eq!(rules_of(&found), [rule].into(), "{}", path.display());
    }
}

#[test]
fn the_runner_is_answered_for_folders_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::plate(Version::V05);
    // The runner's hierarchies hold the metadata of the root and nothing else.
    fixture.store.0.retain(|key, _| key == "zarr.json");
    let root = folder.path().join("plate.ome.zarr");
    write(&fixture, &root);
    let attributes = folder.path().join("plate.json");
    fs::write(&attributes, br#"{"ome": {"version": "0.5", "plate": {}}}"#).unwrap();
    for (path, strict, valid) in
        [(&root, false, true), (&root, true, true), (&attributes, false, false)]
    {
        let answer = serde_json::to_value(conformance_answer(path, strict)).unwrap();
        assert_eq!(answer["valid"], valid, "{answer}");
        assert!(answer["message"].is_string());
    }
}
