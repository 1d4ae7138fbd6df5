//! Copies and mirrors.

use super::{Place, args, plate};

#[test]
fn folders_stores_images_and_planes_are_copied() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr"]);
    place.run(args!["cp", "a.zarr", "b.zarr"]);
    let json = place.json(args!["check", "b.zarr"]);
    assert_eq!(json["counts"]["present"], 40);
    place.run(args!["cp", "a.zarr/E/07/0", "field.ome.tif"]);
    assert!(place.run(args!["info", "field.ome.tif"]).contains("c=4 z=3"));
    place.run(args!["cp", "a.zarr/E/07/0", "new.zarr/copy"]);
    assert!(place.run(args!["info", "new.zarr/copy"]).contains("c=4 z=3"));
    place.run(args!["cp", "a.zarr/E/07/E07_a001_s001_z000_c000.tif", "plane.png"]);
    place.fail(2, args!["cp", "a.zarr/E/07/0", "several.png"]);
    let errors = place.fail(2, args!["cp", "a.zarr/E/07/0", "none.zarr"]);
    assert!(errors.contains("name the image in it: none.zarr/0"), "{errors}");
    assert!(!place.path("none.zarr").exists());
    let names = place.run(args!["ls", plate(), "--planes"]);
    place.run(args!["cp", names.lines().next().unwrap(), "vendor.tif"]);
    assert!(place.run(args!["info", "vendor.tif"]).contains("512"));
    assert!(std::fs::read(place.path("plane.png")).unwrap().starts_with(b"\x89PNG"));
    place.run(args!["convert", "a.zarr", "fields", "--to", "ome-tiff"]);
    place.run(args!["cp", "fields", "fields-2"]);
    assert_eq!(place.json(args!["check", "fields-2"])["counts"]["present"], 40);
}

#[test]
fn a_mirror_copies_what_differs() {
    let place = Place::new();
    place.run(args!["cp", "--mirror", plate(), "copy"]);
    let json = place.json(args!["cp", "--mirror", plate(), "copy"]);
    assert_eq!(json["transferred"], 0);
    let entries = std::fs::read_dir(place.path("copy")).unwrap();
    let some = entries.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    std::fs::write(&some, "changed").unwrap();
    let json = place.json(args!["cp", "--mirror", plate(), "copy"]);
    assert_eq!(json["transferred"], 1);
    assert_ne!(std::fs::read(some).unwrap(), b"changed");
    place.run(args!["cp", "--mirror", "--link", plate(), "links"]);
    let linked = std::fs::read_dir(place.path("links")).unwrap();
    assert!(
        linked.map(|entry| entry.unwrap().path()).all(|path| path.is_symlink() || path.is_dir())
    );
    assert_eq!(place.json(args!["cp", "--mirror", "--link", plate(), "links"])["transferred"], 0);
}

#[test]
fn nothing_is_copied_over_something_or_into_itself() {
    let place = Place::new();
    place.run(args!["cp", plate(), "copy"]);
    let errors = place.fail(4, args!["cp", plate(), "copy"]);
    assert!(errors.contains("copy: a folder is here already"), "{errors}");
    assert!(errors.contains("name the copy in it: "), "{errors}");
    place.fail(7, args!["cp", "copy", "copy/below"]);
    std::fs::create_dir(place.path("notes")).unwrap();
    std::fs::write(place.path("notes/a.txt"), "a").unwrap();
    place.fail(2, args!["cp", "notes", "notes/below"]);
    place.fail(2, args!["cp", "--mirror", "notes", "notes"]);
    place.fail(3, args!["cp", "nothing", "else"]);
    place.run(args!["cp", "notes", "others"]);
    let errors = place.fail(4, args!["cp", "--mirror", "--link", "notes", "others"]);
    assert!(errors.contains("a.txt: a file is here, not a link"), "{errors}");
}

/// A copy that nothing would find again is refused.
#[test]
fn images_go_where_readers_find_them() {
    let place = Place::new();
    place.run(args!["convert", plate(), "p.zarr"]);
    let errors = place.fail(2, args!["cp", "p.zarr/E/07/0", "p.zarr/E/07/9"]);
    assert!(errors.contains("the well does not list this image"), "{errors}");
    let errors = place.fail(2, args!["cp", "p.zarr/E/07/0", "field.xyz"]);
    assert!(errors.contains("field.xyz: no image file is written under this name"), "{errors}");
    assert!(!place.path("field.xyz").exists());
    place.run(args!["cp", "p.zarr/E/07/0", "other.zarr/0"]);
    place.run(args!["info", "other.zarr/0"]);
}
