//! What `ls` lists, and what it says of names that it cannot list.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
};

use super::{Place, args, plate};

#[test]
fn planes_of_what_is_not_there_are_not_found() {
    let place = Place::new();
    place.run(args!["convert", plate(), "mx.zarr"]);
    for (below, hint) in [("Q07", "did you mean `E07`"), ("foo", "known: E07, E08")] {
        let errors = place.fail(3, args!["ls", "--planes", plate().join(below)]);
        assert!(errors.contains(hint), "{errors}");
    }
    for below in ["Z/99", "E/99", "E/07/99"] {
        let errors = place.fail(3, args!["ls", "--planes", format!("mx.zarr/{below}")]);
        assert!(errors.contains("hint: "), "{errors}");
    }
    let lines = |what: &str| place.run(args!["ls", "--planes", what]).lines().count();
    assert_eq!(lines("mx.zarr"), 40);
    assert!((1..40).contains(&lines("mx.zarr/E/07")));
    assert!((1..40).contains(&lines("mx.zarr/E/07/0")));
    let well = plate().join("E07");
    assert!((1..40).contains(&lines(well.to_str().unwrap())));
}

#[test]
fn a_folder_beside_a_plate_is_no_plate() {
    let place = Place::new();
    place.run(args!["cp", plate(), "R/plate1"]);
    for name in ["raw", "csv", "pat"] {
        let folder = place.path("R").join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.txt"), "a").unwrap();
        let errors = place.fail(5, args!["ls", "--planes", folder]);
        assert!(errors.contains("is no plate"), "{errors}");
    }
}

#[test]
fn names_and_links_that_cannot_be_used_are_listed() {
    let place = Place::new();
    let folder = place.path("f");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("plain.txt"), "").unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"odd\xff.tif")), "").unwrap();
    fs::write(folder.join("back\\slash"), "").unwrap();
    symlink("nowhere", folder.join("dangling")).unwrap();
    symlink("itself", folder.join("itself")).unwrap();
    symlink("..", folder.join("sub/up")).unwrap();
    let expected = [
        "odd\\xff.tif  (name is not UTF-8)",
        "back\\slash  (name cannot be part of a path)",
        "dangling  (link that leads nowhere)",
        "itself  (link that leads around)",
    ];
    for arguments in [args!["ls", "f"].to_vec(), args!["ls", "-l", "f"].to_vec()] {
        let text = place.run(arguments);
        assert!(expected.iter().all(|line| text.contains(line)), "{text}");
        assert!(text.contains("plain.txt"), "{text}");
    }
    let text = place.run(args!["ls", "-r", "f"]);
    assert!(text.contains("sub/up  (link that leads around)"), "{text}");
    let json = place.json(args!["ls", "f"]);
    let find = |end: &str| {
        let mut entries = json.as_array().unwrap().iter();
        entries.find(|entry| entry["path"].as_str().unwrap().ends_with(end)).unwrap().clone()
    };
    assert_eq!(find("f/odd\\xff.tif")["problem"], "name is not UTF-8");
    assert_eq!(find("f/dangling")["kind"], "link");
    assert!(find("f/plain.txt").get("problem").is_none());
    let tifs = place.run(args!["ls", "f", "--ext", "tif"]);
    assert_eq!(tifs, "odd\\xff.tif  (name is not UTF-8)\n");
}

#[test]
fn the_rest_is_listed_when_a_folder_cannot_be() {
    let place = Place::new();
    let locked = place.path("f/locked");
    fs::create_dir_all(&locked).unwrap();
    fs::create_dir_all(place.path("f/open")).unwrap();
    fs::write(place.path("f/open/a.txt"), "").unwrap();
    let mode = |mode| fs::set_permissions(&locked, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o000);
    let mut command = match fs::read_dir(&locked).is_ok() {
        false => place.command(),
        // Who may read everything has to be somebody else for this.
        true => {
            fs::set_permissions(place.path(""), PermissionsExt::from_mode(0o755)).unwrap();
            let mut command = assert_cmd::Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(env!("CARGO_BIN_EXE_polystore")).current_dir(place.path(""));
            command.env("POLYSTORE_CACHE_DIR", "");
            command
        }
    };
    let output = command.args(args!["ls", "-r", "f"]).output().unwrap();
    mode(0o755);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("f/locked: "), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("open/a.txt"), "{text}");
}

#[test]
fn locations_without_a_place_and_home_folders() {
    let place = Place::new();
    for location in ["zarr:", "disk:", "workspace:"] {
        let errors = place.fail(2, args!["ls", location]);
        assert!(errors.contains("names no place"), "{errors}");
    }
    fs::write(place.path("here.txt"), "").unwrap();
    for location in ["~", "~/", "disk:~"] {
        let mut command = place.command();
        let output = command.env("HOME", place.0.path()).args(["ls", location]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("here.txt"), "{location}: {text}");
    }
}

#[test]
fn planes_of_one_image_are_named_so_that_they_can_be_read() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    let out = place.run(args!["ls", "--planes", "p.zarr/E/07/0"]);
    let first = out.lines().next().unwrap();
    assert!(first.starts_with("p.zarr/E/07/E07_"), "{out}");
    let output = place.command().args(args!["cat", first, "--as", "npy"]).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"\x93NUMPY"));
}

#[test]
fn links_that_lead_back_to_themselves_are_told() {
    let place = Place::new();
    std::os::unix::fs::symlink("b", place.path("a")).unwrap();
    std::os::unix::fs::symlink("a", place.path("b")).unwrap();
    for command in [args!["ls", "a"], args!["check", "a"], args!["info", "a/x"]] {
        let errors = place.fail(2, &command);
        assert!(errors.contains("leads back to itself"), "{errors}");
    }
}
