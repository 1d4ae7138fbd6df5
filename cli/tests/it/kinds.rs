//! Copies into another kind of file or store, and of what is no plain file.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use polystore::{FileManager, PixelType, Plane, disk::encode_plane, ndarray::Array2};

use super::{Place, args, plate};

fn source_file() -> PathBuf {
    let names = fs::read_dir(plate()).unwrap().map(|entry| entry.unwrap().path());
    let is_plane = |path: &PathBuf| path.to_string_lossy().to_lowercase().ends_with(".tif");
    names.filter(is_plane).min().unwrap()
}

fn pixels(path: &Path) -> Plane {
    FileManager::new().read_plane(path.to_str().unwrap()).unwrap()
}

/// What is in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_image_file_becomes_another_kind_of_file() {
    let place = Place::new();
    let source = source_file();
    let original = pixels(&source);
    for (from, to, magic) in [
        (source.clone(), "a.png", &b"\x89PNG"[..]),
        (source.clone(), "a.npy", b"\x93NUMPY"),
        (place.path("a.png"), "b.tif", b"II"),
        (place.path("a.npy"), "c.png", b"\x89PNG"),
        (source.clone(), "o.ome.tif", b"II"),
    ] {
        place.run(args!["cp", from, to]);
        assert!(fs::read(place.path(to)).unwrap().starts_with(magic), "{to}");
        assert_eq!(pixels(&place.path(to)), original, "{to}");
    }
    place.run(args!["cp", source, "same.tiff"]);
    assert_eq!(fs::read(place.path("same.tiff")).unwrap(), fs::read(&source).unwrap());
}

#[test]
fn an_image_file_becomes_an_image_of_a_store() {
    let place = Place::new();
    let source = source_file();
    place.run(args!["cp", source, "s.zarr/0"]);
    assert!(place.path("s.zarr/0").is_dir());
    assert_eq!(pixels(&place.path("s.zarr/0")), pixels(&source));
    let report = place.json(args!["validate", "s.zarr/0"]);
    assert_eq!(report["valid"], true, "{report}");
    let errors = place.fail(2, args!["cp", source, "s.zarr/a.png"]);
    assert!(errors.contains("its name has no ending"), "{errors}");
    for to in ["s.zarr/a.tif", "new.zarr/a.tif"] {
        let errors = place.fail(2, args!["cp", source, to]);
        assert!(errors.contains("its name has no ending"), "{errors}");
    }
    for to in ["s.zarr", "new.zarr", "s.zarr/"] {
        let errors = place.fail(2, args!["cp", source, to]);
        assert!(errors.contains("a store holds images by name"), "{errors}");
        let name = format!("hint: name the image in it: {}/0", to.trim_end_matches('/'));
        assert!(errors.contains(&name), "{errors}");
    }
    assert!(!place.path("new.zarr").exists());
    // What is beside images in a store stays a file.
    fs::write(place.path("notes.txt"), "notes").unwrap();
    place.run(args!["cp", "notes.txt", "s.zarr/notes.txt"]);
    assert_eq!(fs::read(place.path("s.zarr/notes.txt")).unwrap(), b"notes");
}

#[test]
fn what_a_file_cannot_hold_is_refused() {
    let place = Place::new();
    let source = source_file();
    for to in ["a.csv", "noext", "a.tif.bak"] {
        let errors = place.fail(2, args!["cp", source, to]);
        assert!(errors.contains("name it `.ome.tif`"), "{errors}");
    }
    let float = Plane::from_array(Array2::from_elem((4, 4), 0.5f32));
    assert_eq!(float.pixel_type(), PixelType::F32);
    fs::write(place.path("f.tif"), encode_plane(&float, "f.tif").unwrap()).unwrap();
    let errors = place.fail(6, args!["cp", "f.tif", "f.png"]);
    assert!(
        errors.contains("PNG cannot store float32") || errors.contains("write .tif"),
        "{errors}"
    );
    fs::write(place.path("broken.tif"), b"no image").unwrap();
    place.fail(5, args!["cp", "broken.tif", "broken.png"]);
    // A file that is no image is copied as it is; so is an image whose name does not say so.
    place.run(args!["cp", "broken.tif", "broken.bak"]);
    fs::copy(&source, place.path("frame")).unwrap();
    place.run(args!["cp", "frame", "frame2"]);
    let errors = place.fail(2, args!["cp", "frame", "frame.png"]);
    assert!(errors.contains("copy it to frame.tif first"), "{errors}");
    let left = [".cache", "broken.bak", "broken.tif", "f.tif", "frame", "frame2"];
    let there: Vec<_> = names(place.0.path()).into_iter().filter(|name| name != ".cache").collect();
    assert_eq!(there, left[1..]);
}

#[test]
fn an_image_of_a_store_needs_an_ending_too() {
    let place = Place::new();
    place.run(args!["convert", plate(), "mx.zarr"]);
    fs::create_dir(place.path("T")).unwrap();
    let errors = place.fail(2, args!["cp", "mx.zarr/E/07/0", "T/noext"]);
    assert!(errors.contains("needs an ending"), "{errors}");
    let plane = "mx.zarr/E/07/E07_a001_s001_z000_c000.tif";
    place.fail(2, args!["cp", plane, "T/noext"]);
    assert!(names(&place.path("T")).is_empty());
    // A well is no store.
    let errors = place.fail(2, args!["cp", "mx.zarr/E/07", "w.zarr"]);
    assert!(errors.contains("/E/07/0 to w.zarr/E/07/0"), "{errors}");
}

#[test]
fn an_image_in_a_new_store_is_found_by_readers() {
    let place = Place::new();
    place.run(args!["convert", plate(), "mx.zarr"]);
    place.run(args!["cp", "mx.zarr/E/07/0", "new.zarr/A/01/0"]);
    let info = place.json(args!["info", "new.zarr"]);
    assert_eq!(info["wells"], 1, "{info}");
    assert_eq!(place.json(args!["check", "new.zarr", "--depth", "pixels"])["counts"]["missing"], 0);
    let report = place.json(args!["validate", "new.zarr"]);
    assert_eq!(report["valid"], true, "{report}");
    // The next well comes to the same plate.
    place.run(args!["cp", "mx.zarr/E/08/0", "new.zarr/B/02/0"]);
    let info = place.json(args!["info", "new.zarr"]);
    assert_eq!((&info["wells"], &info["rows"]), (&2.into(), &2.into()), "{info}");
    assert_eq!(place.json(args!["validate", "new.zarr"])["valid"], true);
    place.fail(2, args!["cp", "mx.zarr/E/08/0", "new.zarr/B/02/1"]);
    // Elsewhere, the groups above are made.
    place.run(args!["cp", "mx.zarr/E/07/0", "plain.zarr/x/y/0"]);
    for group in ["", "x", "x/y"] {
        assert!(place.path("plain.zarr").join(group).join("zarr.json").is_file(), "{group}");
    }
    place.run(args!["ls", "plain.zarr/x/y"]);
    assert_eq!(place.json(args!["validate", "plain.zarr/x/y/0"])["valid"], true);
}

/// Zips the store `store` into `zip`, below `prefix`.
pub(super) fn zip(store: &Path, zip: &Path, prefix: &str) {
    use zip::write::{SimpleFileOptions, ZipWriter};
    let mut archive = ZipWriter::new(fs::File::create(zip).unwrap());
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(store).unwrap().to_str().unwrap();
            archive.start_file(format!("{prefix}{name}"), SimpleFileOptions::default()).unwrap();
            archive.write_all(&fs::read(&path).unwrap()).unwrap();
        }
    }
    archive.finish().unwrap();
}

#[test]
fn zipped_stores_are_copied_and_unpacked_and_known_by_their_content() {
    let place = Place::new();
    place.run(args!["convert", plate(), "mx.zarr"]);
    zip(&place.path("mx.zarr"), &place.path("a.zarr.zip"), "");
    zip(&place.path("mx.zarr"), &place.path("mx.zip"), "mx.zarr/");
    for name in ["a.zarr.zip", "mx.zip"] {
        assert_eq!(place.json(args!["info", name])["wells"], 2, "{name}");
        assert_eq!(place.json(args!["check", name])["counts"]["present"], 40, "{name}");
        let copy = format!("copy-of-{name}");
        place.run(args!["cp", name, copy]);
        assert_eq!(fs::read(place.path(&copy)).unwrap(), fs::read(place.path(name)).unwrap());
    }
    place.run(args!["cp", "a.zarr.zip", "any.bin"]);
    place.fail(4, args!["cp", "a.zarr.zip", "any.bin"]);
    let errors = place.fail(2, args!["cp", "a.zarr.zip", "no.zarr"]);
    assert!(errors.contains("a.zarr.zip/ no.zarr` unpacks it"), "{errors}");
    place.run(args!["cp", "a.zarr.zip/", "out.zarr"]);
    let mut diff = Command::new("diff");
    diff.args(["-r", "mx.zarr", "out.zarr"]).current_dir(place.0.path());
    assert!(diff.status().unwrap().success());
    let first = place.json(args!["cp", "--mirror", "mx.zip", "mirror.zarr"]);
    let again = place.json(args!["cp", "--mirror", "mx.zip", "mirror.zarr"]);
    assert_eq!((&again["transferred"], &again["kept"]), (&0.into(), &first["transferred"]));
    assert_eq!(place.json(args!["check", "mirror.zarr"])["counts"]["present"], 40);
    // Any other zip stays a file.
    zip(&plate(), &place.path("other.zip"), "x/");
    place.run(args!["cp", "other.zip/", "other"]);
    assert!(place.path("other").is_file());
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_and_devices_are_refused_by_name() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.txt"), "a").unwrap();
    mkfifo(&folder.join("pipe"));
    mkfifo(&place.path("pipe.tif"));
    for (arguments, what) in [
        (args!["cp", "folder", "out"].to_vec(), "folder/pipe: is a FIFO"),
        (args!["cp", "--mirror", "folder", "out2"].to_vec(), "folder/pipe: is a FIFO"),
        (args!["cp", "folder/pipe", "out3"].to_vec(), "folder/pipe: is a FIFO"),
        (args!["cp", "pipe.tif", "out.png"].to_vec(), "pipe.tif: is a FIFO"),
        (args!["info", "pipe.tif"].to_vec(), "pipe.tif: is a FIFO"),
        (args!["info", "folder/pipe"].to_vec(), "folder/pipe: is a FIFO"),
        (args!["cat", "folder/pipe"].to_vec(), "folder/pipe: is a FIFO"),
        (args!["info", "/dev/zero"].to_vec(), "/dev/zero: is a character device"),
        (args!["cat", "/dev/zero"].to_vec(), "/dev/zero: is a character device"),
        (args!["cp", "/dev/zero", "zero"].to_vec(), "/dev/zero: is a character device"),
        (args!["info", "zarr:folder/pipe"].to_vec(), "folder/pipe: is a FIFO"),
    ] {
        let output =
            place.command().timeout(Duration::from_secs(60)).args(&arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{arguments:?}: {errors}");
        assert!(errors.contains(what), "{arguments:?}: {errors}");
    }
    for none in ["out", "out3", "out.png", "zero"] {
        assert!(!place.path(none).exists(), "{none}");
    }
}

#[test]
fn what_a_killed_copy_left_is_removed_by_the_next() {
    let place = Place::new();
    let left = place.path(".copy-a1b2c3.polystore-tmp");
    fs::create_dir_all(left.join("content")).unwrap();
    fs::write(place.path("a.txt"), "a").unwrap();
    place.run(args!["cp", "a.txt", "b.txt"]);
    assert!(!left.exists());
}

#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    let place = Place::new();
    let version = fs::read_to_string("/proc/version").unwrap();
    assert_eq!(place.run(args!["cat", "/proc/version"]), version);
    place.run(args!["cp", "/proc/version", "version.txt"]);
    assert_eq!(fs::read_to_string(place.path("version.txt")).unwrap(), version);
}

#[test]
fn long_names_and_links_are_copied() {
    let place = Place::new();
    for name in ["n".repeat(250), "µ".repeat(125)] {
        fs::write(place.path(&name), "content").unwrap();
        let copy = format!("b{}", &name[name.chars().next().unwrap().len_utf8()..]);
        place.run(args!["cp", name, copy]);
        assert_eq!(fs::read(place.path(&copy)).unwrap(), b"content");
    }
    fs::create_dir(place.path("links")).unwrap();
    symlink("nowhere", place.path("links/dangling")).unwrap();
    symlink("loop", place.path("links/loop")).unwrap();
    place.run(args!["cp", "links", "copy"]);
    assert_eq!(fs::read_link(place.path("copy/dangling")).unwrap(), Path::new("nowhere"));
    assert_eq!(fs::read_link(place.path("copy/loop")).unwrap(), Path::new("loop"));
}

#[test]
fn a_copy_keeps_the_permissions_of_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::write(place.path("a.sh"), "a").unwrap();
    fs::set_permissions(place.path("a.sh"), PermissionsExt::from_mode(0o750)).unwrap();
    place.run(args!["cp", "a.sh", "b.sh"]);
    let mode = fs::metadata(place.path("b.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
}

#[test]
fn a_folder_does_not_get_the_name_of_a_zip_file() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    let commands: [&[&str]; 4] = [
        &["cp", "p.zarr", "q.zarr.zip"],
        &["cp", "p.zarr", "q.OZX"],
        &["cp", "--mirror", "p.zarr", "q.zarr.zip"],
        &["convert", "p.zarr", "q.zarr.zip"],
    ];
    for command in commands {
        let errors = place.fail(6, command);
        assert!(errors.contains("zip files are read, not written"), "{errors}");
        assert!(errors.contains("hint: ") && !place.path("q.zarr.zip").exists(), "{errors}");
    }
}

#[test]
fn a_cut_zip_file_is_copied_as_it_is() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    zip(&place.path("p.zarr"), &place.path("p.zarr.zip"), "");
    let whole = fs::read(place.path("p.zarr.zip")).unwrap();
    let cut = &whole[..whole.len() / 2];
    fs::write(place.path("cut.zarr.zip"), cut).unwrap();
    place.run(args!["cp", "cut.zarr.zip", "copy.zarr.zip"]);
    assert_eq!(fs::read(place.path("copy.zarr.zip")).unwrap(), cut);
    // What is in it cannot be told.
    place.fail(5, args!["cp", "cut.zarr.zip/", "folder"]);
    place.fail(5, args!["ls", "cut.zarr.zip"]);
}
