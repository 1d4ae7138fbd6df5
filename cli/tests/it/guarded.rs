//! Plates without a vendor's metadata, and derived ones, are not written into.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Place, args, pipelines::pipeline, plate};

fn empty(place: &Place, names: &[&str]) {
    for name in names {
        let file = place.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
}

/// Writing results to `folder` is refused by every command, with `part` in the message.
fn is_refused(place: &Place, folder: &Path, part: &str) {
    for arguments in [
        args!["run", pipeline(), plate(), "-o", folder.join("results")].to_vec(),
        args!["convert", plate(), folder.join("plate.zarr")].to_vec(),
        args!["show", plate(), "-o", folder.join("x.png")].to_vec(),
    ] {
        let errors = place.fail(7, arguments);
        assert!(errors.contains(part) && errors.contains("write beside it"), "{part}: {errors}");
    }
    assert!(!folder.join("results").exists() && !folder.join("x.png").exists());
}

#[test]
fn every_folder_above_that_is_a_plate_counts() {
    let place = Place::new();
    empty(
        &place,
        &[
            "names/Screen_A01_s1_w1.TIF",
            "names/Screen_A01_s2_w1.TIF",
            "scanr/data/A01--W00001--P00001--Z00000--T00000--DAPI.tif",
            "scanr/data/A01--W00001--P00002--Z00000--T00000--DAPI.tif",
            "scanr/overview.png",
            "one/Screen_A01.tif",
            "one/montage.png",
            "one/notes.txt",
        ],
    );
    for folder in ["names", "names/a/b/c/d", "scanr", "scanr/data", "scanr/a/b/c/d", "one"] {
        is_refused(&place, &place.path(folder), "is a source plate");
    }
}

#[test]
fn what_is_no_plate_is_written_into() {
    let place = Place::new();
    empty(
        &place,
        &[
            "photo/holiday.tif",
            // Above a plate, and a folder called `data` that no layout of the names in it has.
            "project/data/Screen_A01_s1_w1.TIF",
            "project/data/Screen_A01_s2_w1.TIF",
            // A stray image in the folder above.
            "home/scan_A01.tif",
        ],
    );
    for file in ["photo/x.png", "project/x.png", "home/a/x.png"] {
        let file = place.path(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        place.run(args!["show", plate(), "--well", "E07", "--size", "32", "-o", file]);
    }
}

#[test]
fn a_derived_plate_of_ours_gets_no_results() {
    let place = Place::new();
    for (to, name) in [("tiff", "planes"), ("ome-tiff", "fields")] {
        let derived = place.path(name);
        place.run(args!["convert", plate(), derived, "--to", to]);
        let before = place.run(args!["ls", derived]);
        is_refused(&place, &derived, "is a plate that polystore wrote");
        place.fail(7, args!["run", pipeline(), plate(), "-o", derived]);
        place.fail(7, args!["run", pipeline(), derived, "-o", derived.join("a/b/c")]);
        assert_eq!(place.run(args!["ls", derived]), before);
        // Beside it is well, and the conversion goes on where it was.
        place.run(args!["show", derived, "--well", "E07", "-o", format!("{name}.png")]);
        place.run(args!["convert", plate(), derived, "--to", to, "--resume"]);
    }
}

#[test]
fn files_of_other_kinds_do_not_hide_a_plate() {
    let place = Place::new();
    let htd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/imagexpress-htd");
    fs::create_dir(place.path("one")).unwrap();
    let image = htd.join("9987_Plate_3420/TimePoint_1/9987_B02.TIF");
    fs::copy(image, place.path("one/9987_B02.TIF")).unwrap();
    for name in ["x.png", "montage.png", "stack.npy", "notes.txt", "results.csv", "run.json"] {
        fs::write(place.path("one").join(name), "").unwrap();
    }
    let json = place.json(args!["check", "one"]);
    assert_eq!(
        (&json["complete"], &json["counts"]["present"]),
        (&true.into(), &1.into()),
        "{json}"
    );
    let errors = place.fail(7, args!["show", "one", "-o", "one/y.png"]);
    assert!(errors.contains("is inside the plate"), "{errors}");
}

/// Somebody gathers a part of a plate, image by image; what is there is not replaced.
#[test]
fn images_are_gathered_one_by_one() {
    let place = Place::new();
    let source = plate();
    let files = std::fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path());
    let is_image = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        name.ends_with(".tif") && !name.contains("thumb")
    };
    let images: Vec<_> = files.filter(is_image).take(3).collect();
    fs::create_dir(place.path("part")).unwrap();
    for image in &images {
        place.run(args!["cp", image, place.path("part").join(image.file_name().unwrap())]);
    }
    let json = place.json(args!["info", "part"]);
    assert_eq!(json["planes"]["present"], images.len(), "{json}");
    fs::write(place.path("notes.txt"), "x").unwrap();
    place.fail(7, args!["cp", "notes.txt", "part/notes.txt"]);
}

/// A new store is no part of a plate either: where a conversion is refused, so is a copy that
/// would make one.
#[test]
fn no_copy_makes_a_store_in_a_plate() {
    let place = Place::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    for name in ["operetta/plate", "imagexpress-htd/9987_Plate_3420", "cellvoyager/plate"] {
        place.run(args!["cp", data.join(name), place.path(name)]);
    }
    place.run(args!["convert", plate(), "own", "--to", "ome-tiff"]);
    place.run(args!["convert", plate(), "whole.zarr"]);
    place.run(args!["cp", "whole.zarr/E/07/E07_a001_s001_z000_c000.tif", "t.tif"]);
    let images = place.path("operetta/plate/Images");
    std::os::unix::fs::symlink(&images, place.path("link")).unwrap();
    let htd = place.path("imagexpress-htd/9987_Plate_3420");
    for folder in [
        images.clone(),
        images.join("new/deeper"),
        place.path("link"),
        htd.clone(),
        htd.join("TimePoint_1"),
        htd.join("TimePoint_1/ZStep_1"),
        place.path("cellvoyager/plate"),
        place.path("own"),
    ] {
        for arguments in [
            args!["cp", "t.tif", folder.join("a.zarr/0")],
            args!["cp", "t.tif", folder.join("a.zarr/A/01/0")],
            args!["cp", "whole.zarr", folder.join("a.zarr")],
        ] {
            let errors = place.fail(7, &arguments);
            assert!(errors.contains("write beside it"), "{arguments:?}: {errors}");
        }
        place.fail(7, args!["cp", "--mirror", "whole.zarr", folder.join("a.zarr")]);
        assert!(!folder.join("a.zarr").exists(), "{}", folder.display());
    }
    assert!(!images.join("new").exists());
    place.run(args!["cp", "t.tif", "operetta/beside.zarr/0"]);
}

/// Every file below `folder` whose name `counts`, in order.
fn files(folder: &Path, counts: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, counts));
        } else if counts(path.file_name().unwrap().to_str().unwrap()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_pixels(name: &str) -> bool {
    name.ends_with(".tif") || name.ends_with(".tiff") || name.parse::<u32>().is_ok()
}

/// Other content of the same size.
fn change(file: &Path) {
    let mut content = fs::read(file).unwrap();
    content.iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(file, content).unwrap();
}

fn operetta() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/operetta/plate")
}

#[test]
fn a_mirror_does_not_overwrite_another_plate() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr"]);
    place.run(args!["convert", plate(), "fields", "--to", "ome-tiff"]);
    place.run(args!["cp", operetta(), "screens/raw"]);
    for name in ["a.zarr", "fields", "screens/raw"] {
        let other = format!("other/{name}");
        place.run(args!["cp", name, other]);
        let folder = place.path(&other);
        for file in files(&folder, &|name| is_pixels(name) || name == "Index.idx.xml") {
            change(&file);
        }
        let before: Vec<_> =
            files(&folder, &|_| true).iter().map(|file| fs::read(file).unwrap()).collect();
        let link = place.path(&format!("link-{}", name.replace('/', "-")));
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        for arguments in [
            args!["cp", "--mirror", name, folder].to_vec(),
            args!["cp", "--mirror", name, link].to_vec(),
        ] {
            let errors = place.fail(7, arguments);
            assert!(errors.contains("this is another plate"), "{errors}");
            assert!(errors.contains("choose another place"), "{errors}");
        }
        let after: Vec<_> =
            files(&folder, &|_| true).iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(before == after, "{name}");
    }
    super::kinds::zip(&place.path("a.zarr"), &place.path("a.zarr.zip"), "");
    let errors = place.fail(7, args!["cp", "--mirror", "a.zarr.zip", "other/a.zarr"]);
    assert!(errors.contains("this is another plate"), "{errors}");
    // Raw plates count further down too, and so do folders of links.
    for arguments in [
        args!["cp", "--mirror", "screens", "other/screens"].to_vec(),
        args!["cp", "--mirror", "--link", "screens/raw", "other/screens/raw"].to_vec(),
    ] {
        assert!(place.fail(7, arguments).contains("this is another plate"));
    }
    // A link into a plate is as good as the plate.
    let below = place.path("screens/raw/Images/below");
    fs::create_dir(&below).unwrap();
    std::os::unix::fs::symlink(&below, place.path("into")).unwrap();
    let errors = place.fail(7, args!["cp", "--mirror", "fields", "into"]);
    assert!(errors.contains("is a source plate"), "{errors}");
}

#[test]
fn a_mirror_brings_a_copy_up_to_date() {
    let place = Place::new();
    place.run(args!["convert", plate(), "a.zarr"]);
    place.run(args!["cp", operetta(), "raw"]);
    for (name, index) in [("raw", "Index.idx.xml"), ("a.zarr", "zarr.json")] {
        let source = place.path(name);
        let copy = place.path(&format!("copy-{name}"));
        let is_up_to_date = || {
            place.run(args!["cp", "--mirror", source, copy]);
            for file in files(&source, &|_| true) {
                let copied = copy.join(file.strip_prefix(&source).unwrap());
                assert!(fs::read(&file).unwrap() == fs::read(copied).unwrap());
            }
        };
        is_up_to_date();
        // Of a plate that was still being imaged: its index was another, most images were not.
        for file in files(&copy, &|name| name == index) {
            change(&file);
        }
        for image in files(&copy, &is_pixels).iter().skip(1) {
            fs::remove_file(image).unwrap();
        }
        is_up_to_date();
        // Before the first image.
        for file in files(&copy, &|name| name == index) {
            change(&file);
        }
        for image in files(&copy, &is_pixels) {
            fs::remove_file(image).unwrap();
        }
        is_up_to_date();
        // A copy by another program that was stopped.
        for image in files(&copy, &is_pixels) {
            let content = fs::read(&image).unwrap();
            fs::write(&image, &content[..content.len() / 2]).unwrap();
        }
        is_up_to_date();
        // A few images that were made again.
        change(&files(&copy, &is_pixels)[0]);
        is_up_to_date();
    }
}

#[test]
fn links_that_cannot_be_made_leave_nothing() {
    let place = Place::new();
    fs::create_dir_all(place.path("notes/below")).unwrap();
    fs::write(place.path("notes/below/a.txt"), "a").unwrap();
    place.run(args!["convert", plate(), "a.zarr"]);
    let before = files(&place.path("a.zarr"), &|_| true);
    for arguments in [
        args!["cp", "--mirror", "--link", "notes", "new.zarr/0"],
        args!["cp", "--mirror", "--link", "notes", "a.zarr/notes"],
        args!["cp", "--mirror", "--link", "a.zarr", "links"],
    ] {
        let errors = place.fail(6, &arguments);
        assert!(errors.contains("links are made between files on disk only"), "{errors}");
    }
    for name in ["new.zarr", "a.zarr/notes", "links"] {
        assert!(!place.path(name).exists(), "{name}");
    }
    assert_eq!(files(&place.path("a.zarr"), &|_| true), before);
}
